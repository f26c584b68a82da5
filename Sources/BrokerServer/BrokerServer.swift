package import BrokerAPI
import Threads

/// A listener: Kafka's protocol on a TCP port, on a Unix socket or on both, answered by `KafkaAPI`.
package final class BrokerServer: Sendable {
    /// Where it listens, with the ports that it got; none where it is on a Unix socket alone.
    package let listeners: [ListenerConfiguration]
    private let local: LocalSocket?
    private let loop: ServerLoop
    private let workers: RequestWorkers
    private let thread: OwnedThread

    /// The first of them; port 0 where there is none.
    package var address: ListenAddress {
        listeners.first?.address ?? ListenAddress(host: "localhost", port: 0)
    }

    /// Listens from here on, on a port, without encryption or authentication.
    package convenience init(
        _ api: KafkaAPI,
        on address: ListenAddress,
        configuration: ServerConfiguration = ServerConfiguration()
    ) throws(ServerError) {
        try self.init(
            api,
            on: [ListenerConfiguration(address)],
            local: nil,
            configuration: configuration
        )
    }

    /// Listens from here on, on the ports and on the Unix socket that are given. Clients are told
    /// of the port that they came by.
    package init(
        _ api: KafkaAPI,
        on asked: [ListenerConfiguration],
        security: ServerSecurity = ServerSecurity(),
        local: LocalSocket?,
        configuration: ServerConfiguration = ServerConfiguration()
    ) throws(ServerError) {
        let workers = RequestWorkers(threadCount: configuration.workerCount)
        let loop = ServerLoop(api, configuration, workers)
        do throws(ServerError) {
            listeners = try loop.listen(on: asked, security, local)
        } catch {
            workers.stop()
            throw error
        }
        api.setAddresses(
            listeners.map { listener in
                let (host, port) = (listener.address.host, Int32(listener.address.port))
                return (listener.name, NodeAddress(host: host, port: port))
            }
        )
        self.local = local
        self.workers = workers
        self.loop = loop
        thread = OwnedThread { loop.run() }
    }

    /// Accepts nobody any more, finishes what is in flight, and ends within seconds.
    package func stop() {
        local?.remove()
        loop.api.stopWaiting()
        loop.send(.stop)
        thread.join()
        workers.stop()
    }
}
