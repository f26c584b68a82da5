package import BrokerAPI
package import DirectoryAccess
package import KafkaClient
package import LogModel
package import Terminal
import Threads

/// A log that is asked in Kafka's protocol: a cluster's, that of the process that owns a data
/// directory, or one that this process has opened itself.
package final class ServedLog: CommandLog {
    let place: LogPlace
    let cluster: KafkaCluster
    /// Whether this process has it open, and so nobody else.
    let isOpenedHere: Bool
    /// How long an answer without records is asked for again where there are some.
    var emptyAnswerPatience = Duration.seconds(10)
    /// Fetched and not read yet.
    var fetched: [TopicPartition: (position: Offset, answer: FetchedPartition)] = [:]
    /// Why partitions are left out of what is read.
    var unreadable: [(partition: TopicPartition, failure: CommandFailure)] = []

    /// A cluster of which one address is known.
    init(at place: LogPlace, _ signals: SignalListener?) throws(CommandFailure) {
        self.place = place
        isOpenedHere = false
        guard case .cluster(let servers, let access) = place else {
            preconditionFailure("a directory is not asked by its address")
        }
        var configuration = Self.configuration(.seconds(30), signals)
        if let access { configuration.security = access.security }
        var errors: [KafkaClientError] = []
        for address in servers.addresses where signals?.request == nil || errors.isEmpty {
            do throws(KafkaClientError) {
                let cluster = try KafkaCluster(at: address, configuration: configuration)
                // Where there is another address, a port that only accepts is not good enough.
                if servers.addresses.count > 1 { try cluster.makeSureOfEntry() }
                self.cluster = cluster
                return
            } catch { errors.append(error) }
        }
        throw Self.unreached(place, errors)
    }

    /// Told are the failures of all addresses; the advice is that for the last of them, behind
    /// which more than nobody may be.
    private static func unreached(
        _ place: LogPlace,
        _ errors: [KafkaClientError]
    ) -> CommandFailure {
        let telling = errors.last { if case .unreachable = $0 { false } else { true } }
        guard let error = telling ?? errors.last else {
            return CommandFailure("the cluster is not reached", place: "\(place)")
        }
        var failure = failure("the cluster is not reached", place, error)
        failure.reason = errors.map(\.description).joined(separator: "; ")
        return failure
    }

    /// The process that owns a data directory.
    init(
        owner address: KafkaAddress,
        of directory: String,
        _ signals: SignalListener?
    ) throws(KafkaClientError) {
        place = .directory(directory)
        isOpenedHere = false
        // An owner that is gone seldom comes back, and one that lives answers at once.
        var configuration = Self.configuration(.seconds(5), signals)
        configuration.connectPatience = .seconds(3)
        cluster = try KafkaCluster(at: address, configuration: configuration)
    }

    /// A log at the other end of anything that answers as a server does.
    init(_ cluster: KafkaCluster, at place: LogPlace) {
        self.place = place
        self.cluster = cluster
        isOpenedHere = false
    }

    /// The log that this process has opened.
    package init(inProcess log: OpenLog, _ accessControl: AccessControl? = nil) {
        place = .directory(log.directory)
        isOpenedHere = true
        cluster = KafkaCluster(
            over: InProcessExchange(log, accessControl),
            configuration: Self.configuration(.seconds(5), nil)
        )
    }

    private static func configuration(
        _ retryLimit: Duration,
        _ signals: SignalListener?
    ) -> KafkaCluster.Configuration {
        var configuration = KafkaCluster.Configuration()
        configuration.retryLimit = retryLimit
        if let signals { configuration.stopTime = { signals.requestTime } }
        let isTold = Lock(false)
        configuration.willWaitForQuota = { wait in
            let isFirst = isTold.withLock { told in
                defer { told = true }
                return !told
            }
            if isFirst { TextOutput.error.write(quotaNote(wait)) }
        }
        return configuration
    }

    /// Told once: a quota asks for many waits, one behind the other.
    static func quotaNote(_ wait: Duration) -> String {
        let seconds = Int((wait + .milliseconds(500)).components.seconds)
        return "note: a quota of the cluster holds this client back: now for "
            + "\(counted(seconds, "second")), and again as often as it asks for\n"
    }

    // MARK: Failures

    /// Kafka's protocol has other meanings for times below zero: asked for the first second of 1970
    /// instead, a deletion would take records that are later than the time meant.
    func refuseUnaskable(_ time: Timestamp) throws(CommandFailure) {
        guard time.rawValue < 0 else { return }
        throw CommandFailure(
            "which record is the first since \(utcText(time)) is not told",
            place: "\(place)",
            reason: "this command asks over Kafka's protocol, which has no times before 1970",
            next: "give an offset instead; consume --format '%p %o %T\\n' shows the times"
        )
    }

    /// Asks the cluster; what it refuses is told as `what`, with the advice for its code.
    package func asking<Result>(
        _ what: String,
        advice: [KafkaErrorCode: String] = [:],
        _ body: (KafkaCluster) throws(KafkaClientError) -> Result
    ) throws(CommandFailure) -> Result {
        do throws(KafkaClientError) { return try body(cluster) } catch {
            var failure = failure(what, error)
            failure.next = error.code.flatMap { advice[$0] } ?? failure.next
            throw failure
        }
    }

    enum Verb: String {
        case was
        case were
    }

    /// Asks the cluster for a change: told is that it was not made, or, where an answer is missing,
    /// that nobody knows.
    func changing<Result>(
        _ subject: String,
        _ verb: Verb,
        _ done: String,
        advice: [KafkaErrorCode: String] = [:],
        _ body: (KafkaCluster) throws(KafkaClientError) -> Result
    ) throws(CommandFailure) -> Result {
        do throws(KafkaClientError) { return try body(cluster) } catch {
            var failure = Self.changeFailure(subject, verb, done, place, error)
            failure.next = error.code.flatMap { advice[$0] } ?? failure.next
            throw failure
        }
    }

    static func changeFailure(
        _ subject: String,
        _ verb: Verb,
        _ done: String,
        _ place: LogPlace,
        _ error: KafkaClientError
    ) -> CommandFailure {
        guard error.isUncertain else {
            return failure("\(subject) \(verb) not \(done)", place, error)
        }
        var failure = failure("it is not known whether \(subject) \(verb) \(done)", place, error)
        failure.next = "look at what is there now before you give the command again"
        return failure
    }

    func failure(_ what: String, _ error: KafkaClientError) -> CommandFailure {
        Self.failure(what, place, error)
    }

    private static func failure(
        _ what: String,
        _ place: LogPlace,
        _ error: KafkaClientError
    ) -> CommandFailure {
        CommandFailure(
            what,
            place: "\(place)",
            reason: "\(error)",
            next: next(place, error)
        )
    }

    private static let otherUser =
        "another user in --command-config, or a rule that lets this one: millrace acl add --help"

    private static func next(_ place: LogPlace, _ error: KafkaClientError) -> String? {
        switch (error, place) {
        case (.unreachable, .cluster):
            return "see that a server listens there, or give another --bootstrap"
        case (.unreachable, .directory), (.lost, .directory):
            return "the process that owned the directory may be gone: give the command again"
        case (.nonsense, .cluster), (.lost, .cluster):
            return "see that a server of Kafka's protocol listens there, encrypted or not as "
                + "--command-config says (security.protocol)"
        case (.untrusted, _):
            return "see that --command-config says how that listener is spoken to, and whom to "
                + "trust (security.protocol, ssl.truststore.location)"
        case (.unheard, _):
            return "give a --command-config FILE with security.protocol, sasl.mechanism, "
                + "sasl.username and sasl.password, or the address of a listener without SASL"
        case (.nonsense, .directory), (.unsupported, _), (.unwritable, _): return nil
        case (.refused(let code, _, _), _):
            switch code {
            case .unknownTopicOrPartition, .unknownTopicID: return place.next("topic list")
            // The code is the same where only a job may: no rule would change that.
            case .topicAuthorizationFailed:
                return "if the topic is a job's own (millrace.owner in "
                    + "\(place.next("topic list --json"))), name another one; else \(otherUser)"
            case .groupAuthorizationFailed, .transactionalIDAuthorizationFailed: return otherUser
            case .illegalSaslState:
                return "another security.protocol in --command-config, without SASL, or the "
                    + "address of a listener that has SASL"
            case .saslAuthenticationFailed, .unsupportedSaslMechanism:
                return "another user, password or sasl.mechanism in --command-config"
            case .nonEmptyGroup, .unknownMemberID, .rebalanceInProgress:
                return "stop the group's members first"
            default: return nil
            }
        }
    }
}
