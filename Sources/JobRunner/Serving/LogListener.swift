import Broker
package import BrokerAPI
import BrokerServer
package import DirectoryAccess
import Glibc
import LogModel
import Security
package import Terminal

/// Serves an open log to other processes: to Kafka's clients on a port, where that is asked for,
/// and always to this user's commands, on a Unix socket in the data directory.
package struct LogListener {
    private let server: BrokerServer
    private let directory: String
    private let denials: DenialLog?
    /// Where it listens, with the ports that it got; none where it has none.
    package let addresses: [String]
    /// What was asked of it.
    package let probe: APIProbe

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
        let clock = log.broker.clock
        // This user alone is asked nothing.
        let told = options.map { _ in DenialLog(wallMilliseconds: { clock.wallTime().rawValue }) }
        denials = told
        var answering = settings.api
        answering.onLoginFailure = { told?.add($0) }
        answering.workingDirectory = Self.workingDirectory
        answering.onOversizedRequest = { told?.add($0) }
        let api = KafkaAPI(
            broker: log.broker,
            configuration: answering,
            accessControl: try Self.accessControl(log, settings.authorizer, told)
        )
        let socket = LocalSocket(
            folder: OwnerAddresses.folder(in: log.directory),
            name: OwnerAddresses.socketName
        )
        if let damage = api.credentials.damage { Self.warn(damage: damage) }
        if options != nil, settings.authorizer == nil { Self.warnOfUnusedRules(log) }
        let place = Place(listeners: options?.listeners ?? [], security: settings.security)
        guard let server = try Self.server(api, place, socket, configuration) else { return nil }
        self.server = server
        probe = api.probe
        directory = log.directory
        addresses = server.listeners.map(\.description)
        // Commands find the way by it that need no more than an address.
        let open = server.listeners.first { $0.security == .plaintext }
        OwnerAddresses.write(open?.description, in: directory)
    }

    private static let localWorkerCount = 2

    /// Empty where the system does not tell.
    private static var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }

    /// The ports that were asked for, and what they need.
    private struct Place {
        let listeners: [ListenerConfiguration]
        let security: ServerSecurity
    }

    /// The rules of who may do what. Without them nobody is served: a file that cannot be read must
    /// not open the log to everybody.
    private static func accessControl(
        _ log: OpenLog,
        _ settings: AuthorizerSettings?,
        _ denials: DenialLog?
    ) throws(CommandFailure) -> AccessControl? {
        guard var settings else { return nil }
        settings.onDenial = { denials?.add($0) }
        do throws(BrokerError) { return try AccessControl(log.broker, settings) } catch {
            throw CommandFailure(
                "nobody is served: the access rules cannot be read",
                place: "\(log.directory)/.millrace/acls",
                reason: error.description,
                next: "put the file back from a backup, or move it away and make the rules anew"
            )
        }
    }

    /// A server that was started without its authorizer lets everybody do everything.
    private static func warnOfUnusedRules(_ log: OpenLog) {
        let words: String?
        do throws(BrokerError) {
            let count = try AccessControl(log.broker, AuthorizerSettings()).rules.count
            words = count == 0 ? nil : counted(count, "access rule")
        } catch { words = "the access rules, which cannot be read," }
        guard let words else { return }
        TextOutput.error.write(
            "warning: everybody may do everything: nothing looks at \(words) in "
                + "\(log.directory)/.millrace/acls; "
                + "--config authorizer.class.name=standard does\n"
        )
    }

    private static func server(
        _ api: KafkaAPI,
        _ place: Place,
        _ socket: LocalSocket,
        _ configuration: ServerConfiguration
    ) throws(CommandFailure) -> BrokerServer? {
        do throws(ServerError) {
            return try BrokerServer(
                api,
                on: place.listeners,
                security: place.security,
                local: socket,
                configuration: configuration
            )
        } catch {
            if case .cannotListenLocally(_, let reason) = error {
                warn(reason, socket.path)
                guard !place.listeners.isEmpty else { return nil }
                return try server(api, place, configuration)
            }
            throw failure(error, place)
        }
    }

    /// On the ports alone.
    private static func server(
        _ api: KafkaAPI,
        _ place: Place,
        _ configuration: ServerConfiguration
    ) throws(CommandFailure) -> BrokerServer {
        do throws(ServerError) {
            return try BrokerServer(
                api,
                on: place.listeners,
                security: place.security,
                local: nil,
                configuration: configuration
            )
        } catch { throw failure(error, place) }
    }

    private static func failure(_ error: ServerError, _ place: Place) -> CommandFailure {
        CommandFailure(
            "the log is not served",
            place: place.listeners.isEmpty
                ? nil : place.listeners.map(\.description).joined(separator: ", "),
            reason: error.description,
            next: place.listeners.isEmpty ? nil : "another --listen; port 0 takes a free one"
        )
    }

    private static func warn(_ reason: String, _ path: String) {
        TextOutput.error.write(
            "warning: other commands cannot use this directory meanwhile: there is no socket at "
                + "\(path): \(reason)\n"
        )
    }

    private static func warn(damage: String) {
        TextOutput.error.write(
            "warning: no user can log in, and none is changed: \(damage); put the file back from a "
                + "copy, or move it away and set the users anew\n"
        )
    }

    /// Finishes what is in flight.
    package func stop() {
        OwnerAddresses.remove(in: directory)
        server.stop()
        denials?.stop()
    }
}
