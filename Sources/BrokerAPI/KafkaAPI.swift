package import Broker
import Bytes
import Threads

/// Kafka's APIs over the log: one handler a request, in `Handlers`. Knows no socket.
package final class KafkaAPI: Sendable {
    package let broker: Broker
    package let configuration: APIConfiguration
    private let ownAddress = Lock(NodeAddress(host: "127.0.0.1", port: 9092))
    /// Of this data directory, the same for ever.
    let clusterID: String
    let parkedFetches: ParkedFetches
    let ownerConnections = Lock(OwnerConnections())

    package init(broker: Broker, configuration: APIConfiguration = APIConfiguration()) {
        self.broker = broker
        self.configuration = configuration
        clusterID = broker.clusterID.description
        parkedFetches = ParkedFetches(broker)
    }

    /// Where clients find this node.
    package var address: NodeAddress {
        configuration.advertisedAddress ?? ownAddress.withLock { $0 }
    }

    /// Where a client that reached this node finds it again: a listener on all addresses has none
    /// of its own.
    func address(for connection: ConnectionIdentity) -> NodeAddress {
        var address = address
        if address.isEverywhere, !connection.ownHost.isEmpty { address.host = connection.ownHost }
        return address
    }

    /// What clients are told from here on: the listener's address.
    package func setAddress(host: String, port: Int32) {
        ownAddress.withLock { $0 = NodeAddress(host: host, port: port) }
    }

    /// Has `request` answered: `answer` is called once, on any thread, now or later. May wait for
    /// the disk, never for another client: called by a thread that may.
    package func handle(
        _ request: APIRequest,
        answer: @escaping @Sendable (APIAnswer) -> Void
    ) {
        guard let entry = APITable.entries[request.apiKey] else {
            return answer(.close(reason: "the API \(request.apiKey) is not known"))
        }
        guard entry.served.contains(request.version) || entry.key == APITable.apiVersionsKey else {
            return answer(
                .close(reason: "version \(request.version) of the API \(entry.key) is not served")
            )
        }
        entry.serve(self, request, answer)
    }

    /// A connection ended: what waits for it is dropped.
    package func connectionClosed(_ connection: ConnectionIdentity) {
        parkedFetches.drop(connection)
    }

    /// What waits for records is answered with what there is: the server stops.
    package func stopWaiting() { parkedFetches.stop() }
}
