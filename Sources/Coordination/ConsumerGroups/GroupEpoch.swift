/// A number that a consumer group, its target assignment or a member of it has, all on one line:
/// the group is never behind the target, and the target never behind a member.
package struct GroupEpoch: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }
    package init(_ rawValue: Int32) { self.rawValue = rawValue }

    /// Of a member that joins.
    package static let joining = GroupEpoch(0)
    /// Of a member that leaves.
    package static let leaving = GroupEpoch(-1)
    /// Of a static member that leaves and will come back: its partitions wait for it.
    package static let leavingForNow = GroupEpoch(-2)

    /// The next one. It ends at the last there is, where a group stands still; only a record that
    /// no coordinator wrote leads there.
    var next: GroupEpoch { rawValue == .max ? self : GroupEpoch(rawValue + 1) }

    package static func < (left: GroupEpoch, right: GroupEpoch) -> Bool {
        left.rawValue < right.rawValue
    }
}
