import Broker
import Bytes
import Coordination
import KafkaRecords
import KafkaWire
import LogModel
import Threads

/// A request that was not carried out for the memory that it would have taken, for those who look
/// after the server.
package struct OversizedRequest: Equatable, Sendable {
    package var host: String
    /// Kafka's name of the API.
    package var api: String
    package var byteCount: Int
    /// How many before it were not told, from the same host.
    package var silentCount = 0
}

extension KafkaAPI {
    /// A request's body. One whose arrays would take too much is told of, and is an error.
    func decode<Request: KafkaMessage>(
        _ type: Request.Type,
        _ request: APIRequest
    ) -> Result<Request, WireError> {
        let decoded = request.decode(type, memoryByteLimit: configuration.requestMemoryByteLimit)
        if case .failure(.tooManyElements) = decoded { tellOversized(request) }
        return decoded
    }

    private func tellOversized(_ request: APIRequest) {
        let (host, now) = (
            ExactText(request.connection.host), broker.clock.monotonicNanoseconds()
        )
        guard let silent = oversizedLimits.withLock({ $0.take(host, now: now) }) else { return }
        configuration.onOversizedRequest(
            OversizedRequest(
                host: request.connection.host,
                api: WireAPI.named(by: request.apiKey)?.name ?? "\(request.apiKey)",
                byteCount: request.body.count,
                silentCount: silent
            )
        )
    }
}
