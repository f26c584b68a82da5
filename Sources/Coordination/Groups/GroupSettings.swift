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

    /// `group.consumer.session.timeout.ms`: how long a member of a consumer group may be silent.
    package var consumerSessionMilliseconds: Int32 = 45_000
    /// `group.consumer.heartbeat.interval.ms`: how often it is told to speak.
    package var consumerHeartbeatMilliseconds: Int32 = 5_000
    /// `group.consumer.max.size`.
    package var consumerMemberLimit = Int(Int32.max)

    package init() {}

    /// Whether a member may be silent for so long.
    package func allows(sessionMilliseconds: Int32) -> Bool {
        minimumSessionMilliseconds <= sessionMilliseconds
            && sessionMilliseconds <= maximumSessionMilliseconds
    }

    /// A new member cannot send heartbeats before its join is answered: if it is gone by then, it
    /// is forgotten after this.
    static let newMemberJoinMilliseconds: Int32 = 300_000
}
