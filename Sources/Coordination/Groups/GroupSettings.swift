/// How groups behave, with Kafka's names beside.
package struct GroupSettings: Equatable, Sendable {
    /// `group.min.session.timeout.ms`.
    package var minimumSessionMilliseconds: Int32 = 6_000
    /// `group.max.session.timeout.ms`.
    package var maximumSessionMilliseconds: Int32 = 1_800_000
    /// `group.initial.rebalance.delay.ms`: how long the first rebalance of an empty group waits for
    /// more members.
    package var initialRebalanceDelayMilliseconds: Int32 = 3_000
    /// `group.max.size`.
    package var memberLimit = Int(Int32.max)
    /// Members that were given an id and have not come back with it.
    package var pendingMemberLimit = 10_000

    package init() {}

    /// A new member cannot send heartbeats before its join is answered: if it is gone by then, it
    /// is forgotten after this.
    static let newMemberJoinMilliseconds: Int32 = 300_000
}
