package import BrokerAPI
import Threads

/// A listener: Kafka's protocol on a TCP port, on a Unix socket or on both, answered by `KafkaAPI`.
package final class BrokerServer: Sendable {
    /// Where it listens, with the port that it got; port 0 where it is on a Unix socket alone.
    package let address: ListenAddress
    private let local: LocalSocket?
    private let loop: ServerLoop
    private let workers: RequestWorkers
    private let thread: OwnedThread

    /// Listens from here on, on a port.
    package convenience init(
        _ api: KafkaAPI,
        on address: ListenAddress,
        configuration: ServerConfiguration = ServerConfiguration()
    ) throws(ServerError) {
        try self.init(api, on: address, local: nil, configuration: configuration)
    }

    /// Listens from here on, on what is given of the two. Clients are told of the port.
    package init(
        _ api: KafkaAPI,
        on address: ListenAddress?,
        local: LocalSocket?,
        configuration: ServerConfiguration = ServerConfiguration()
    ) throws(ServerError) {
        let workers = RequestWorkers(threadCount: configuration.workerCount)
        let loop = ServerLoop(api, configuration, workers)
        let bound: ListenAddress?
        do throws(ServerError) { bound = try loop.listen(on: address, local) } catch {
            workers.stop()
            throw error
        }
        if let bound { api.setAddress(host: bound.host, port: Int32(bound.port)) }
        self.address = bound ?? ListenAddress(host: "localhost", port: 0)
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
