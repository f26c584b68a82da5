import Broker
import Coordination
import KafkaWire
import LogModel

/// InitProducerId 0-5: a fresh idempotent producer, or the ownership of a transactional id.
extension KafkaAPI {
    func initProducerID(
        _ request: InitProducerIdRequest,
        _ call: APICall
    ) -> InitProducerIdResponse {
        var response = InitProducerIdResponse()
        let expected = (
            producerID: ProducerID(request.producerID),
            epoch: ProducerEpoch(request.producerEpoch)
        )
        let answer = coordinated { () throws(BrokerError) in
            guard (expected.producerID == .none) == (expected.epoch == .none) else {
                return .error(.invalidRequest)
            }
            if let id = request.transactionalID, broker.isJobTransaction(id) {
                return .error(.transactionalIDAuthorizationFailed)
            }
            return try broker.initProducerID(
                transactionalID: request.transactionalID,
                timeout: .milliseconds(Int64(request.transactionTimeoutMs)),
                expected: expected,
                isRemote: true
            )
        }
        response.errorCode = answer.code.forClients(fencedSince: call.version >= 4).rawValue
        response.producerID = answer.pair?.id.rawValue ?? -1
        response.producerEpoch = answer.pair?.epoch.rawValue ?? -1
        return response
    }
}
