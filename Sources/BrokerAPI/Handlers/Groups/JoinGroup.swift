import Broker
import Coordination
import KafkaWire
import LogModel

/// JoinGroup 0-9. Version 1 brought the rebalance time-out, 4 ids before joining, 5 static members,
/// 7 the protocol's type, 9 leaders that need not assign.
extension KafkaAPI {
    func joinGroup(
        _ request: JoinGroupRequest,
        _ call: APICall,
        answer: @escaping @Sendable (JoinGroupResponse?) -> Void
    ) {
        let version = call.version
        guard !broker.isJobGroup(request.groupID) else {
            let refused = JoinAnswer(
                code: .groupAuthorizationFailed,
                memberID: request.memberID
            )
            return answer(JoinGroupResponse(refused, version: version))
        }
        let join = GroupJoin(
            memberID: request.memberID,
            instanceID: request.groupInstanceID,
            clientID: call.clientID ?? "",
            clientHost: "/\(call.connection.host)",
            sessionMilliseconds: request.sessionTimeoutMs,
            rebalanceMilliseconds: version == 0
                ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
            protocolType: request.protocolType,
            protocols: request.protocols.map {
                GroupProtocol(name: $0.name, metadata: $0.metadata)
            },
            requiresKnownMember: version >= 4,
            canSkipAssignment: version >= 9
        )
        broker.joinGroup(request.groupID, join) {
            answer(JoinGroupResponse($0, version: version))
        }
    }
}

extension JoinGroupResponse {
    fileprivate init(_ answer: JoinAnswer, version: Int16) {
        self.init(
            errorCode: answer.code.rawValue,
            generationID: answer.generation,
            protocolType: answer.protocolType,
            protocolName: answer.protocolName ?? (version < 7 ? "" : nil),
            leader: answer.leader,
            skipAssignment: answer.skipsAssignment,
            memberID: answer.memberID,
            members: answer.members.map {
                JoinGroupResponseMember(
                    memberID: $0.id,
                    groupInstanceID: $0.instanceID,
                    metadata: $0.metadata
                )
            }
        )
    }
}
