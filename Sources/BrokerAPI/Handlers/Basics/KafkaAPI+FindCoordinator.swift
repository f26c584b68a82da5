import KafkaWire
import LogModel

/// FindCoordinator 0-5: the one node, for groups and for transactional ids.
extension KafkaAPI {
    private static let keyTypes: Set<Int8> = [0, 1]

    func findCoordinator(
        _ request: FindCoordinatorRequest,
        _ call: APICall
    ) -> FindCoordinatorResponse {
        var response = FindCoordinatorResponse()
        let isKnown = Self.keyTypes.contains(request.keyType)
        let code: KafkaErrorCode = isKnown ? .none : .invalidRequest
        let address = self.address(for: call.connection)
        let (host, port) = isKnown ? (address.host, address.port) : ("", -1)
        let node = isKnown ? configuration.nodeID : -1
        guard call.version < 4 else {
            response.coordinators = request.coordinatorKeys.map { key in
                .init(
                    key: key,
                    nodeID: node,
                    host: host,
                    port: port,
                    errorCode: code.rawValue,
                    errorMessage: ""
                )
            }
            return response
        }
        response.errorCode = code.rawValue
        response.errorMessage = isKnown ? "NONE" : "there is no such kind of coordinator"
        response.nodeID = node
        response.host = host
        response.port = port
        return response
    }
}
