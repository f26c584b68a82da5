import Broker
import LogModel
import LogStorage

/// What a person should know of partitions, a line for each; those that are out of use for the same
/// reason share one. A reason that names files of the partition is the same for all others.
struct HealthWarnings {
    /// How many of a line's partitions are named.
    private static let namedCount = 3

    private let directory: String
    private var single: [String] = []
    private var shared: [Reason: [(name: TopicPartition, words: String)]] = [:]

    private struct Reason: Hashable {
        var verdict: Verdict
        var words: String
    }

    private enum Verdict {
        case offline
        case readOnly

        func words(count: Int) -> String {
            switch self {
            case .offline: count == 1 ? "is offline" : "are offline"
            case .readOnly: count == 1 ? "takes no more" : "take no more"
            }
        }
    }

    init(directory: String) { self.directory = directory }

    /// Adds a partition; nothing where all is well.
    mutating func add(_ health: PartitionHealth, of name: TopicPartition, isRelaxed: Bool) {
        switch health {
        case .good: break
        case .cut(let cut):
            single.append(
                "\(name) lost \(cut.byteCount) bytes behind offset \(cut.offset.rawValue) that "
                    + (isRelaxed
                        ? "were not flushed yet (millrace.durability=relaxed)"
                        : "no one was told were stored")
                    + ": \(cut.reason)"
            )
        case .damaged(let damage) where damage.lacksBegin:
            single.append(
                "\(name) lacks its begin: \(damage.reason); what is there can be read, and it "
                    + "takes no more"
            )
        case .damaged(let damage):
            single.append(
                "\(name) is damaged from offset \(damage.offset.rawValue) on: it is readable up "
                    + "to there, nothing was cut, and it takes no more"
                    + (damage.wayOut.map {
                        "; to give up what lies behind, stop and run: \($0)"
                    } ?? "")
            )
        case .readOnly(let reason): share(.readOnly, reason, name)
        case .offline(let reason): share(.offline, reason, name)
        }
    }

    private mutating func share(_ verdict: Verdict, _ words: String, _ name: TopicPartition) {
        let reason = Reason(verdict: verdict, words: withoutFiles(words, of: name))
        shared[reason, default: []].append((name, words))
    }

    /// A reason without the paths of the partition's own folder and files.
    private func withoutFiles(_ words: String, of name: TopicPartition) -> String {
        let folder = "\(directory)/\(name)"
        var rest = Substring(words)
        var common = ""
        while let found = rest.firstRange(of: folder) {
            common += rest[..<found.lowerBound]
            rest = rest[found.upperBound...]
            common += rest.first == "/" ? "a file of it" : "its folder"
            rest = rest.drop { !" :;,".contains($0) }
        }
        return common + String(rest)
    }

    var lines: [String] {
        let shared = shared.map { reason, partitions in
            (reason, partitions.sorted { $0.name < $1.name })
        }
        let sorted = shared.sorted { left, right in
            guard let first = left.1.first, let second = right.1.first else { return false }
            return first.name < second.name
        }
        return single + sorted.map { Self.line($0, $1) }
    }

    private static func line(
        _ reason: Reason,
        _ partitions: [(name: TopicPartition, words: String)]
    ) -> String {
        let verdict = reason.verdict.words(count: partitions.count)
        if partitions.count == 1, let only = partitions.first {
            return "\(only.name) \(verdict): \(only.words)"
        }
        let named = partitions.prefix(namedCount).map(\.name.description)
        let more = partitions.count - named.count
        let names =
            more == 0
            ? named.dropLast().joined(separator: ", ") + " and \(named.last ?? "")"
            : named.joined(separator: ", ")
                + (more == 1 ? " and 1 more partition" : " and \(more) more partitions")
        return "\(names) \(verdict): \(reason.words)"
    }
}
