import Broker
import BrokerAPI
import DirectoryAccess
import KafkaClient
import Terminal

/// A log as the commands use it: one that this process has opened, or one that another serves.
/// Each area of commands says what it needs of it.
protocol CommandLog: TopicStore, RecordSink, RecordSource {
    var place: LogPlace { get }
    /// Whether this process has it open, and so nobody else.
    var isOpenedHere: Bool { get }
}

extension CommandLog {
    /// The command that shows what is damaged in a topic, which needs the directory for itself; nil
    /// for a cluster's, whose files lie elsewhere.
    func verification(of topic: String) -> String? {
        guard place.directory != nil else { return nil }
        let command = place.next("log verify --topic \(shellWord(topic))")
        return isOpenedHere
            ? command : "stop the process that has the directory open, then \(command)"
    }
}

extension OpenLog: CommandLog {
    var place: LogPlace { .directory(directory) }
    var isOpenedHere: Bool { true }
}

/// Lends the log of an invocation to `body`: that of a cluster, of a directory that another process
/// owns, by way of that process, or else opened here for the time of `body`.
func withLog<Result>(
    _ invocation: Invocation,
    creates: Bool = false,
    signals: SignalListener? = nil,
    _ body: (any CommandLog) throws -> Result
) throws -> Result {
    switch try DirectoryOwner.log(of: LogOption.place(invocation), creates: creates, signals) {
    case .served(let log): return try body(log)
    case .opened(let log): return try closing(log) { try body(log) }
    }
}

/// Lends the log of an invocation as a cluster, also where it is opened here.
func withCluster<Result>(
    _ invocation: Invocation,
    _ signals: SignalListener? = nil,
    _ body: (ServedLog) throws -> Result
) throws -> Result {
    switch try DirectoryOwner.log(of: LogOption.place(invocation), creates: false, signals) {
    case .served(let log): return try body(log)
    case .opened(let log): return try closing(log) { try body(ServedLog(inProcess: log)) }
    }
}

/// The same with the access rules: a log that is opened here has them, whether a server would look
/// at them or not.
func withRules<Result>(
    _ invocation: Invocation,
    _ body: (ServedLog) throws -> Result
) throws -> Result {
    switch try DirectoryOwner.log(of: LogOption.place(invocation), creates: false, nil) {
    case .served(let log): return try body(log)
    case .opened(let log):
        return try closing(log) {
            let control = try AccessControl(log.broker, AuthorizerSettings())
            return try body(ServedLog(inProcess: log, control))
        }
    }
}
