import Bytes
import LogModel
import Terminal

/// How far a part of a store has the changes of its changelog, and what its job's next start makes
/// of it; pure.
struct StoreStanding: Equatable {
    /// The changelog's offset up to which it has them; nil before its first checkpoint.
    let position: Offset?
    /// How many offsets the changelog goes on behind that; nil where nobody knows, and where the
    /// store is made anew.
    private(set) var behind: Int64?
    /// What the next start does with it, where it does not go on from where it stands.
    private(set) var note: String?

    /// - Parameters:
    ///   - followed: the topic that the position is one of; nil where the store does not say.
    ///   - changelog: the topic that is its changelog now; nil for none.
    ///   - end: the offset behind the changelog's last record; nil where that is not known.
    init(position: Offset?, followed: UniqueID?, changelog: UniqueID?, end: Offset?) {
        self.position = position
        guard let changelog else {
            note = "its changelog is gone: it is made anew at the next start"
            return
        }
        if let followed, followed != changelog {
            note = "its changelog was made anew: so is the store at the next start"
            return
        }
        guard let position else {
            behind = end?.rawValue
            if end != .zero {
                note = "no checkpoint yet: made of its changelog at the next start"
            }
            return
        }
        guard let end else { return }
        guard position <= end else {
            note =
                "it is ahead of its changelog, which has lost records: it is made anew at the "
                + "next start"
            return
        }
        behind = end.rawValue - position.rawValue
    }

    /// The end of the last transaction has an offset too, and changes nothing.
    private static let endOfTransaction: Int64 = 1

    /// Why it may lack what its job knew; nil where it has all that was committed.
    var lack: String? {
        if let note { return note }
        guard let behind, behind > Self.endOfTransaction else { return nil }
        return "\(counted(Int(behind), "offset")) behind its changelog: brought up to it at the "
            + "next start"
    }
}

/// The parts of one store that may lack what their job knew, by why.
struct StoreLacks {
    private var parts: [(reason: String, numbers: [Int32])] = []

    /// So many partitions are named.
    private static let namedLimit = 8

    var isEmpty: Bool { parts.isEmpty }

    mutating func add(_ reason: String, partition: Int32) {
        if let index = parts.firstIndex(where: { $0.reason == reason }) {
            parts[index].numbers.append(partition)
        } else {
            parts.append((reason, [partition]))
        }
    }

    /// `partition 0: no checkpoint yet: …`, one for each reason.
    var reasons: [String] {
        parts.map { reason, numbers in
            var names = numbers.prefix(Self.namedLimit).map { "\($0)" }.joined(separator: ", ")
            let left = numbers.count - Self.namedLimit
            if left > 0 { names += " and \(grouped(left)) more" }
            return "partition\(numbers.count == 1 ? "" : "s") \(names): \(reason)"
        }
    }
}
