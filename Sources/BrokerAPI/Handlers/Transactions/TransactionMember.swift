import Broker
import Coordination
import LogModel

/// Who commits positions in a transaction, as the group knows him.
struct TransactionMember: Equatable, Sendable {
    var group: String
    var memberID: String
    var instanceID: String?
    /// -1 for a producer that says nothing of a group.
    var generation: Int32
    /// What he commits positions of.
    var partitions: [TopicPartition] = []
}

extension KafkaAPI {
    /// Why the group does not take his positions; `.none` if it does.
    func refusal(of member: TransactionMember) -> KafkaErrorCode {
        guard !broker.isJobGroup(member.group) else { return .groupAuthorizationFailed }
        return broker.checkTransactionalCommit(
            group: member.group,
            GroupMemberClaim(
                memberID: member.memberID,
                instanceID: member.instanceID,
                generation: member.generation
            ),
            of: member.partitions
        )
    }
}
