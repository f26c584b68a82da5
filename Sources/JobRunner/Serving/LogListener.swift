import Broker
import BrokerAPI
import BrokerServer
package import Terminal

/// Serves an open log to other processes.
package struct LogListener {
    private let server: BrokerServer

    /// Where it listens, with the port that it got.
    package var address: String { "\(server.address)" }

    /// Listens from here on.
    package init(_ log: OpenLog, _ options: ListenOptions) throws(CommandFailure) {
        // A client cannot tell a topic that is half there.
        try log.refuseUnfinished(nil)
        var settings = try ServerSettings(options.settings)
        try settings.limitConnections(
            to: DescriptorBudget.connections(of: DescriptorBudget.raise())
        )
        do throws(ServerError) {
            server = try BrokerServer(
                KafkaAPI(broker: log.broker, configuration: settings.api),
                on: options.address,
                configuration: settings.server
            )
        } catch {
            throw CommandFailure(
                "the log is not served",
                place: "\(options.address)",
                reason: error.description,
                next: "another --listen; port 0 takes a free one"
            )
        }
    }

    /// Finishes what is in flight.
    package func stop() { server.stop() }
}
