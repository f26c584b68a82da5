package import Broker
import Bytes
import Coordination
import LogModel
import Threads

/// Kafka's APIs over the log: one handler a request, in `Handlers`. Knows no socket.
package final class KafkaAPI: Sendable {
    package let broker: Broker
    package let configuration: APIConfiguration
    /// The users that may log in.
    package let credentials: CredentialStore
    /// Who may do what; nil where everybody may do everything.
    let accessControl: AccessControl?
    private let listeners = Lock(ListenerAddresses())
    /// Of this data directory, the same for ever.
    let clusterID: String
    let parkedFetches: ParkedFetches
    let ownerConnections = Lock(OwnerConnections())
    let fetchSessions: Lock<FetchSessions>
    package let answerMemory: AnswerMemory
    /// What was asked so far.
    package let probe = APIProbe()
    /// By hosts.
    private let loginLimits = Lock(DenialLimits())
    let oversizedLimits = Lock(DenialLimits())

    package init(
        broker: Broker,
        configuration: APIConfiguration = APIConfiguration(),
        accessControl: AccessControl? = nil
    ) {
        self.broker = broker
        self.configuration = configuration
        self.accessControl = accessControl
        clusterID = broker.clusterID.description
        credentials = CredentialStore(disk: broker.disk, directory: broker.directory)
        parkedFetches = ParkedFetches(broker)
        answerMemory = AnswerMemory(byteLimit: configuration.answerByteLimit)
        fetchSessions = Lock(FetchSessions(slotCount: configuration.fetchSessionSlotCount))
    }

    /// The data directory as clients are told it.
    var logDirectory: String { configuration.whole(broker.directory) }

    /// Where clients of each listener find this node, by the listeners' names.
    var addresses: [(listener: String, address: NodeAddress)] {
        listeners.withLock { $0.all }.map { name, own in
            (name, configuration.advertisedAddresses[name] ?? own)
        }
    }

    /// Where a client that reached this node finds it again: by the listener that it came through,
    /// or, where that has no address, by the first. One on all addresses has none of its own.
    func address(for connection: ConnectionIdentity) -> NodeAddress {
        let addresses = addresses
        let found = addresses.first { $0.listener == connection.listener } ?? addresses.first
        guard var address = found?.address else { return ListenerAddresses.usual }
        if address.isEverywhere, !connection.ownHost.isEmpty { address.host = connection.ownHost }
        return address
    }

    /// What clients are told from here on: the listeners' addresses, by name.
    package func setAddresses(_ addresses: [(listener: String, address: NodeAddress)]) {
        listeners.withLock { $0.all = addresses.map { ($0.listener, $0.address) } }
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
        entry.serve(self, request, probe.measuring(entry.key, broker.clock, answer))
    }

    /// What a client may do; nil where that is everything.
    func rights(of connection: ConnectionIdentity) -> Rights? {
        accessControl?.rights(of: connection)
    }

    /// Somebody was not who he said to be.
    package func loginFailed(_ failure: LoginFailure) {
        probe.loginFailed()
        let (host, now) = (ExactText(failure.host), broker.clock.monotonicNanoseconds())
        guard let silent = loginLimits.withLock({ $0.take(host, now: now) }) else { return }
        var failure = failure
        failure.silentCount = silent
        configuration.onLoginFailure(failure)
    }

    /// A connection was accepted, which `connectionClosed` ends.
    package func connectionOpened() { probe.connectionOpened() }

    /// A connection ended: what waits for it is dropped.
    package func connectionClosed(_ connection: ConnectionIdentity) {
        probe.connectionClosed()
        parkedFetches.drop(connection)
        fetchSessions.withLock { $0.connectionClosed(connection.number) }
    }

    /// What waits for records is answered with what there is: the server stops.
    package func stopWaiting() { parkedFetches.stop() }
}

/// Where a server listens, by the names of its listeners.
private struct ListenerAddresses: Sendable {
    /// What is told where nobody listens.
    static let usual = NodeAddress(host: "127.0.0.1", port: 9092)

    var all: [(listener: String, address: NodeAddress)] = []
}
