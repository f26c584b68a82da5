import Broker
import Coordination
import KafkaWire
import LogModel

/// SyncGroup 0-5, Heartbeat 0-4, LeaveGroup 0-5.
extension KafkaAPI {
    func syncGroup(
        _ request: SyncGroupRequest,
        _ call: APICall,
        answer: @escaping @Sendable (SyncGroupResponse?) -> Void
    ) {
        // KIP-559: both are told from version 5 on.
        guard call.version < 5 || request.protocolType != nil && request.protocolName != nil else {
            let code = KafkaErrorCode.inconsistentGroupProtocol
            return answer(SyncGroupResponse(errorCode: code.rawValue))
        }
        let sync = GroupSync(
            member: GroupMemberClaim(
                memberID: request.memberID,
                instanceID: request.groupInstanceID,
                generation: request.generationID
            ),
            protocolType: request.protocolType,
            protocolName: request.protocolName,
            assignments: Dictionary(
                request.assignments.map { ($0.memberID, $0.assignment) },
                uniquingKeysWith: { $1 }
            )
        )
        broker.syncGroup(request.groupID, sync) { result in
            answer(
                SyncGroupResponse(
                    errorCode: result.code.rawValue,
                    protocolType: result.protocolType,
                    protocolName: result.protocolName,
                    assignment: result.assignment
                )
            )
        }
    }

    func heartbeat(
        _ request: HeartbeatRequest,
        _ call: APICall,
        answer: @escaping @Sendable (HeartbeatResponse?) -> Void
    ) {
        let claim = GroupMemberClaim(
            memberID: request.memberID,
            instanceID: request.groupInstanceID,
            generation: request.generationID
        )
        broker.heartbeat(group: request.groupID, claim) {
            answer(HeartbeatResponse(errorCode: $0.rawValue))
        }
    }

    /// One member up to version 2, whose error is that of the answer; several from 3 on.
    func leaveGroup(
        _ request: LeaveGroupRequest,
        _ call: APICall,
        answer: @escaping @Sendable (LeaveGroupResponse?) -> Void
    ) {
        let isBatch = call.version >= 3
        let members: [(memberID: String, instanceID: String?)] =
            isBatch
            ? request.members.map { ($0.memberID, $0.groupInstanceID) }
            : [(request.memberID, nil)]
        broker.leaveGroup(request.groupID, members) { code, codes in
            guard isBatch, code == .none else {
                let only = code == .none ? codes.first ?? .none : code
                return answer(LeaveGroupResponse(errorCode: only.rawValue))
            }
            answer(
                LeaveGroupResponse(
                    members: zip(members, codes).map { member, code in
                        LeaveGroupResponse.MemberResponse(
                            memberID: member.memberID,
                            groupInstanceID: member.instanceID,
                            errorCode: code.rawValue
                        )
                    }
                )
            )
        }
    }
}
