import Broker
import BrokerAPI
import BrokerServer
package import Terminal

/// Serves an open log to other processes: to Kafka's clients on a port, where that is asked for,
/// and always to this user's commands, on a Unix socket in the data directory.
package struct LogListener {
    private let server: BrokerServer
    private let directory: String
    /// Where it listens, with the port that it got; nil where it has none.
    package let address: String?

    /// Listens from here on. Without a port that was asked for, and without a socket, there is
    /// nobody to serve: nil, and a warning, for the log itself needs neither.
    package init?(_ log: OpenLog, _ options: ListenOptions?) throws(CommandFailure) {
        // A client cannot tell a topic that is half there.
        if options != nil { try log.refuseUnfinished(nil) }
        var settings = try ServerSettings(options?.settings ?? [])
        try settings.limitConnections(
            to: DescriptorBudget.connections(of: DescriptorBudget.raise())
        )
        var configuration = settings.server
        // Some commands of one person.
        if options == nil { configuration.workerCount = Self.localWorkerCount }
        let api = KafkaAPI(broker: log.broker, configuration: settings.api)
        let socket = LocalSocket(
            folder: OwnerAddresses.folder(in: log.directory),
            name: OwnerAddresses.socketName
        )
        guard let server = try Self.server(api, options?.address, socket, configuration) else {
            return nil
        }
        self.server = server
        directory = log.directory
        address = options == nil ? nil : "\(server.address)"
        OwnerAddresses.write(address, in: directory)
    }

    private static let localWorkerCount = 2

    private static func server(
        _ api: KafkaAPI,
        _ address: ListenAddress?,
        _ socket: LocalSocket,
        _ configuration: ServerConfiguration
    ) throws(CommandFailure) -> BrokerServer? {
        do throws(ServerError) {
            return try BrokerServer(api, on: address, local: socket, configuration: configuration)
        } catch {
            if case .cannotListenLocally(_, let reason) = error {
                warn(reason, socket.path)
                guard address != nil else { return nil }
                return try server(api, address, configuration)
            }
            throw failure(error, address)
        }
    }

    /// On the port alone.
    private static func server(
        _ api: KafkaAPI,
        _ address: ListenAddress?,
        _ configuration: ServerConfiguration
    ) throws(CommandFailure) -> BrokerServer {
        do throws(ServerError) {
            return try BrokerServer(api, on: address, local: nil, configuration: configuration)
        } catch { throw failure(error, address) }
    }

    private static func failure(_ error: ServerError, _ address: ListenAddress?) -> CommandFailure {
        CommandFailure(
            "the log is not served",
            place: address.map { "\($0)" },
            reason: error.description,
            next: address == nil ? nil : "another --listen; port 0 takes a free one"
        )
    }

    private static func warn(_ reason: String, _ path: String) {
        TextOutput.error.write(
            "warning: other commands cannot use this directory meanwhile: there is no socket at "
                + "\(path): \(reason)\n"
        )
    }

    /// Finishes what is in flight.
    package func stop() {
        OwnerAddresses.remove(in: directory)
        server.stop()
    }
}
