import LogModel

/// An append to `__consumer_offsets` that was begun and is not applied yet. To be ended by
/// `finishAppend`, whatever came of it.
package struct OffsetAppend: Hashable, Sendable {
    fileprivate let number: Int
}

/// The appends under way: what is appended outside of the lock is applied in another order than the
/// log has it, and this tells how far back one may still reach.
///
/// An append lands behind everything that was applied before it began. So nothing can come any more
/// below an offset that each append under way found applied at its beginning: such an offset is
/// settled, and what was remembered because of it can be forgotten.
struct AppendWindow: Sendable {
    private struct Begun {
        /// The highest offset applied at that time.
        var floor: Offset
        /// The groups whose offsets it writes.
        var groups: Set<ExactText>
        /// It removes offsets: nothing else may be appended for its groups.
        var isRemoval: Bool
    }

    private var begun: [Int: Begun] = [:]
    private var lastNumber = 0
    private var highest = Offset(-1)

    mutating func begin(groups: Set<ExactText>, isRemoval: Bool) -> OffsetAppend {
        lastNumber += 1
        begun[lastNumber] = Begun(floor: highest, groups: groups, isRemoval: isRemoval)
        return OffsetAppend(number: lastNumber)
    }

    mutating func finish(_ append: OffsetAppend) {
        precondition(begun[append.number] != nil, "an append ends once")
        begun[append.number] = nil
    }

    /// Something of the log was applied.
    mutating func applied(_ offset: Offset) { highest = max(highest, offset) }

    /// Every offset up to this one is settled; nil if all are.
    var settledEnd: Offset? { begun.values.map(\.floor).min() }

    /// Whether nothing that lies below `offset` can still be applied.
    func isSettled(_ offset: Offset) -> Bool { settledEnd.map { offset <= $0 } ?? true }

    /// Whether anything is appended for this group.
    func isBusy(_ group: ExactText) -> Bool {
        begun.values.contains { $0.groups.contains(group) }
    }

    /// Whether no other append is under way for a group of this one.
    func isAlone(_ append: OffsetAppend) -> Bool {
        guard let own = begun[append.number] else { return false }
        return !begun.contains { number, other in
            number != append.number && !other.groups.isDisjoint(with: own.groups)
        }
    }

    /// Whether offsets of this group are being removed.
    func isRemoving(_ group: ExactText) -> Bool {
        begun.values.contains { $0.isRemoval && $0.groups.contains(group) }
    }
}
