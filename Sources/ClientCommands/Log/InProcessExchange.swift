import BrokerAPI
import DirectoryAccess
import KafkaClient
import KafkaWire
import Threads

/// The log that this process has opened, asked as a server is: commands that speak Kafka's protocol
/// need no second form for it.
final class InProcessExchange: KafkaExchange {
    let address: KafkaAddress
    let isBroken = false
    private let api: KafkaAPI
    private let connection = ConnectionIdentity(
        number: 1,
        host: "localhost",
        isOwner: true
    )

    init(_ log: OpenLog, _ accessControl: AccessControl? = nil) {
        api = KafkaAPI(broker: log.broker, accessControl: accessControl)
        address = .local(
            folder: OwnerAddresses.folder(in: log.directory),
            name: OwnerAddresses.socketName
        )
    }

    func exchange(
        _ api: WireAPI,
        among versions: ClosedRange<Int16>,
        patience: Duration,
        body: (Int16) throws(KafkaClientError) -> [UInt8]
    ) throws(KafkaClientError) -> (body: [UInt8], start: Int, version: Int16) {
        guard let served = APITable.entries[api.key]?.served, served.overlaps(versions) else {
            throw .unsupported(address, request: api.name, "this log does not serve it")
        }
        let version = min(served.upperBound, versions.upperBound)
        let request = APIRequest(
            apiKey: api.key,
            version: version,
            clientID: "millrace",
            connection: connection,
            body: try body(version)
        )
        let answered = ConditionLock<APIAnswer?>(nil)
        self.api.handle(request) { answer in answered.update { $0 = answer } }
        switch answered.waitAndTake({ $0 }) {
        case .body(let pieces): return (Array(pieces.joined()), 0, version)
        case .none: return ([], 0, version)
        case .close(let reason): throw .nonsense(address, reason)
        }
    }
}
