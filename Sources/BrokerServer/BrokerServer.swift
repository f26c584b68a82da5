package import BrokerAPI
import Threads

/// A listener: Kafka's protocol on a TCP port, answered by `KafkaAPI`.
package final class BrokerServer: Sendable {
    /// Where it listens, with the port that it got.
    package let address: ListenAddress
    private let loop: ServerLoop
    private let workers: RequestWorkers
    private let thread: OwnedThread

    /// Listens from here on.
    package init(
        _ api: KafkaAPI,
        on address: ListenAddress,
        configuration: ServerConfiguration = ServerConfiguration()
    ) throws(ServerError) {
        let workers = RequestWorkers(threadCount: configuration.workerCount)
        let loop = ServerLoop(api, configuration, workers)
        do throws(ServerError) { self.address = try loop.listen(on: address) } catch {
            workers.stop()
            throw error
        }
        api.setAddress(host: self.address.host, port: Int32(self.address.port))
        self.workers = workers
        self.loop = loop
        thread = OwnedThread { loop.run() }
    }

    /// Accepts nobody any more, finishes what is in flight, and ends within seconds.
    package func stop() {
        loop.api.stopWaiting()
        loop.send(.stop)
        thread.join()
        workers.stop()
    }
}
