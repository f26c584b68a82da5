package import Broker
package import BrokerAPI
package import BrokerServer
import Coordination
import Security
package import Terminal

/// Kafka's broker settings as far as they mean something here.
package struct ServerSettings: Sendable {
    package var broker: @Sendable (inout BrokerConfiguration) -> Void = { _ in }
    package private(set) var api = APIConfiguration()
    package private(set) var server = ServerConfiguration()

    /// The settings that were given, by name.
    private(set) var given: Set<String> = []
    private var keystore: String?
    private var truststore: String?
    private(set) var clientAuthentication = TLSContext.ClientAuthentication.none

    /// What listeners with encryption need.
    var security: ServerSecurity {
        ServerSecurity(
            certificates: keystore.map {
                ServerSecurity.Certificates(
                    keystore: $0,
                    truststore: truststore,
                    clientAuthentication: clientAuthentication
                )
            }
        )
    }

    /// Nil where clients are not authorized.
    package private(set) var authorizer: AuthorizerSettings?

    /// What is honoured of one setting.
    private struct Setting: Sendable {
        /// What its values are: the rest of a sentence.
        let expectation: String
        /// Takes a value; false where it is none.
        let take: @Sendable (inout ServerSettings, String) -> Bool

        init(
            _ expectation: String,
            _ take: @escaping @Sendable (inout ServerSettings, String) -> Bool
        ) {
            self.expectation = expectation
            self.take = take
        }
    }

    /// Every setting that is honoured.
    package static let names: [String] = (all.keys + TopicDefaults.settings).sorted()

    package init(_ pairs: [KeyValueArgument]) throws(CommandFailure) {
        if let name = pairs.repeatedKey {
            throw CommandFailure(
                "--config \(name) is given twice",
                next: "give it one value",
                status: .usage
            )
        }
        for pair in pairs {
            if TopicDefaults.settings.contains(pair.key) {
                try setTopicDefault(pair)
                continue
            }
            guard let setting = Self.all[pair.key] else {
                let hint = Suggestion.nearest(to: pair.key, among: Self.names)
                throw CommandFailure(
                    "\(pair.key) is no setting that is honoured",
                    reason: hint.map { "did you mean \($0)?" },
                    next: "one of " + Self.names.joined(separator: ", "),
                    status: .usage
                )
            }
            guard setting.take(&self, pair.value) else {
                throw CommandFailure(
                    "\(pair.key) cannot be '\(pair.value)'",
                    reason: setting.expectation,
                    status: .usage
                )
            }
        }
        given = Set(pairs.map(\.key))
        try takeAuthorizer(pairs)
        try checkSessions()
    }

    /// Its other settings mean nothing where there is none.
    private mutating func takeAuthorizer(_ pairs: [KeyValueArgument]) throws(CommandFailure) {
        guard isAuthorizing else {
            guard let other = pairs.first(where: { Self.authorizerNames.contains($0.key) }) else {
                return
            }
            throw CommandFailure(
                "\(other.key) says who may do what, and nobody asks",
                next: "--config authorizer.class.name=standard",
                status: .usage
            )
        }
        authorizer = authorizerSettings
    }

    private static let authorizerNames = ["super.users", "allow.everyone.if.no.acl.found"]
    private static let authorizerClasses = [
        "standard", "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    ]
    private var isAuthorizing = false
    private var authorizerSettings = AuthorizerSettings()

    private mutating func setTopicDefault(_ pair: KeyValueArgument) throws(CommandFailure) {
        guard let reason = api.topicDefaults.set(pair.key, to: pair.value) else { return }
        throw CommandFailure(
            "\(pair.key) cannot be '\(pair.value)'",
            reason: reason,
            status: .usage
        )
    }

    /// Each connection costs a descriptor: without, the log could not open its files.
    mutating func limitConnections(to count: Int) throws(CommandFailure) {
        guard server.connectionLimit > count else { return }
        guard !given.contains("max.connections") else {
            throw CommandFailure(
                "max.connections cannot be \(server.connectionLimit)",
                reason: "this process may have so many files open that \(count) are left for "
                    + "connections",
                next: "ulimit -n \(4 * server.connectionLimit)",
                status: .usage
            )
        }
        server.connectionLimit = count
    }

    private func checkSessions() throws(CommandFailure) {
        var configuration = BrokerConfiguration()
        broker(&configuration)
        let (least, most) = (
            configuration.groups.minimumSessionMilliseconds,
            configuration.groups.maximumSessionMilliseconds
        )
        let groups = configuration.groups
        guard groups.consumerHeartbeatMilliseconds < groups.consumerSessionMilliseconds else {
            throw CommandFailure(
                "members that beat every \(groups.consumerHeartbeatMilliseconds) ms would be put "
                    + "out after \(groups.consumerSessionMilliseconds)",
                next: "a group.consumer.heartbeat.interval.ms below "
                    + "group.consumer.session.timeout.ms",
                status: .usage
            )
        }
        guard least > most else { return }
        throw CommandFailure(
            "no session lasts at least \(least) and at most \(most) ms",
            next: "a group.min.session.timeout.ms that is not above group.max.session.timeout.ms",
            status: .usage
        )
    }

    private static let all: [String: Setting] = [
        "auto.create.topics.enable": Setting("it is true or false") { settings, text in
            guard let value = Bool(text) else { return false }
            settings.api.autoCreatesTopics = value
            return true
        },
        "advertised.listeners": Setting(
            "it has for each listener the address by which clients find it, such as "
                + "PLAINTEXT://broker.example.org:9092"
        ) { settings, text in
            guard let addresses = NodeAddress.byListener(text) else { return false }
            settings.api.advertisedAddresses = addresses
            return true
        },
        "node.id": number(0...Int(Int32.max)) { $0.api.nodeID = Int32(clamping: $1) },
        "sasl.enabled.mechanisms": Setting(
            "it is a list of some of \(SaslMechanism.names)"
        ) { settings, text in
            let names = text.split(separator: ",", omittingEmptySubsequences: false)
            let mechanisms = names.compactMap { SaslMechanism(rawValue: String($0)) }
            guard !mechanisms.isEmpty, mechanisms.count == names.count,
                Set(mechanisms).count == names.count
            else { return false }
            settings.api.saslMechanisms = mechanisms
            return true
        },
        "ssl.client.auth": Setting("it is none, requested or required") { settings, text in
            guard let value = TLSContext.ClientAuthentication(rawValue: text) else { return false }
            settings.clientAuthentication = value
            return true
        },
        "ssl.keystore.location": Setting(
            "it is a PEM file with the private key and the certificate chain"
        ) { settings, text in
            settings.keystore = text
            return !text.isEmpty
        },
        "ssl.keystore.type": Setting("only PEM is read") { _, text in text == "PEM" },
        "ssl.truststore.location": Setting(
            "it is a PEM file of the authorities that are trusted"
        ) { settings, text in
            settings.truststore = text
            return !text.isEmpty
        },
        "ssl.truststore.type": Setting("only PEM is read") { _, text in text == "PEM" },
        "authorizer.class.name": Setting(
            "it is standard, or the whole name of Kafka's StandardAuthorizer"
        ) { settings, text in
            settings.isAuthorizing = authorizerClasses.contains(text)
            return settings.isAuthorizing
        },
        "super.users": Setting(
            "it is principals such as User:admin, with ; between them"
        ) { settings, text in
            let names = text.split(separator: ";").map(trimmed).filter { !$0.isEmpty }
            settings.authorizerSettings.superUsers = names
            return names.allSatisfy { name in
                // A certificate's name has commas; the next principal is behind none.
                guard
                    !name.split(separator: ",").dropFirst().map(trimmed)
                        .contains(where: { $0.hasPrefix("User:") })
                else { return false }
                let parts = name.split(separator: ":", maxSplits: 1)
                return parts.count == 2 && parts[0] == "User"
            }
        },
        "allow.everyone.if.no.acl.found": Setting("it is true or false") { settings, text in
            guard let value = Bool(text) else { return false }
            settings.authorizerSettings.allowsUnlisted = value
            return true
        },
        "num.partitions": number(1...10_000) {
            $0.api.defaultPartitionCount = Int32(clamping: $1)
        },
        "fetch.max.bytes": number(1024...Int(Int32.max)) { $0.api.fetchByteLimit = $1 },
        "max.incremental.fetch.session.cache.slots": number(0...100_000) {
            $0.api.fetchSessionSlotCount = $1
        },
        "socket.request.max.bytes": number(1024...(1 << 30)) { $0.server.requestByteLimit = $1 },
        "queued.max.request.bytes": number(1 << 20...(1 << 40)) {
            $0.server.memoryByteCount = $1
            $0.api.requestMemoryByteLimit = $1 / 2
        },
        "connections.max.idle.ms": number(1...Int(Int32.max)) {
            $0.server.idleTimeout = .milliseconds($1)
        },
        "max.connections": number(1...1_000_000) { $0.server.connectionLimit = $1 },
        "max.connections.per.ip": number(1...1_000_000) {
            $0.server.connectionLimitPerHost = $1
        },
        "num.io.threads": number(1...256) { $0.server.workerCount = $1 },
        "transaction.max.timeout.ms": number(1...Int(Int32.max)) { settings, value in
            settings.add { $0.maximumTransactionTimeout = .milliseconds(value) }
        },
        "group.initial.rebalance.delay.ms": group(0) {
            $0.initialRebalanceDelayMilliseconds = Int32(clamping: $1)
        },
        "group.min.session.timeout.ms": group(1) {
            $0.minimumSessionMilliseconds = Int32(clamping: $1)
        },
        "group.max.session.timeout.ms": group(1) {
            $0.maximumSessionMilliseconds = Int32(clamping: $1)
        },
        "group.max.size": group(1) { $0.memberLimit = $1 },
        "group.consumer.session.timeout.ms": group(1) {
            $0.consumerSessionMilliseconds = Int32(clamping: $1)
        },
        "group.consumer.heartbeat.interval.ms": group(1) {
            $0.consumerHeartbeatMilliseconds = Int32(clamping: $1)
        },
        "group.consumer.max.size": group(1) { $0.consumerMemberLimit = $1 },
        "offsets.retention.minutes": number(1...Int(Int32.max)) { settings, value in
            settings.add { $0.offsetsRetention = .seconds(60 * value) }
        },
    ]

    /// Without the spaces around it.
    private static func trimmed(_ text: Substring) -> String {
        let begin = text.drop { $0 == " " }
        return String(begin.prefix(begin.count - begin.reversed().prefix { $0 == " " }.count))
    }

    private static func number(
        _ range: ClosedRange<Int>,
        _ set: @escaping @Sendable (inout ServerSettings, Int) -> Void
    ) -> Setting {
        Setting(
            "it is a whole number from \(range.lowerBound) to \(range.upperBound)"
        ) { settings, text in
            guard let value = Int(text), range.contains(value) else { return false }
            set(&settings, value)
            return true
        }
    }

    private static func group(
        _ smallest: Int,
        _ set: @escaping @Sendable (inout GroupSettings, Int) -> Void
    ) -> Setting {
        number(smallest...Int(Int32.max)) { settings, value in
            settings.add { set(&$0.groups, value) }
        }
    }

    private mutating func add(_ change: @escaping @Sendable (inout BrokerConfiguration) -> Void) {
        let before = broker
        broker = { configuration in
            before(&configuration)
            change(&configuration)
        }
    }
}
