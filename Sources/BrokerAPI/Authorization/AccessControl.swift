import Coordination
package import Broker
import Bytes
import KafkaRecords
import KafkaWire
import LogModel
import Threads

/// How clients are authorized. Kafka's names for it stand beside.
package struct AuthorizerSettings: Sendable {
    /// Who may do everything (`super.users`).
    package var superUsers: [String] = []
    /// Whether anybody may use what no rule names (`allow.everyone.if.no.acl.found`).
    package var allowsUnlisted = false
    /// Is told what was denied, not more often than `DenialLimits` has it, in the thread that
    /// serves the request: it must not wait for anything.
    package var onDenial: @Sendable (Denial) -> Void = { _ in }

    package init() {}
}

/// The rules of a log that has an authorizer, kept in its directory.
package final class AccessControl: Sendable {
    private let broker: Broker
    private let settings: AuthorizerSettings
    private let authorizer: Lock<Authorizer>
    private let turns = Lock(Turns())
    private let limits = Lock(DenialLimits())

    /// Beyond so many no more are taken.
    private static let ruleLimit = 100_000
    /// Beyond so many bytes neither.
    package static let byteLimit = 64 << 20

    /// Reads the rules; rules that cannot be read are an error, never the absence of them.
    package init(_ broker: Broker, _ settings: AuthorizerSettings) throws(BrokerError) {
        self.broker = broker
        self.settings = settings
        var authorizer = Authorizer(
            superUsers: settings.superUsers,
            allowsUnlisted: settings.allowsUnlisted
        )
        if let bytes = try broker.accessRules() {
            guard let rules = ACLBinding.list(bytes) else {
                throw .corrupt("the access rules are not in a form that is known")
            }
            for rule in rules { authorizer.add(rule) }
        }
        self.authorizer = Lock(authorizer)
    }

    package var rules: [ACLBinding] { authorizer.withLock { $0.rules }.sorted() }

    /// Changes that wait for those before them.
    private struct Turns: Sendable {
        /// Whether a thread does them now.
        var isTaken = false
        var waiting: [@Sendable () -> Void] = []

        /// The next one; who has asked for it does it, until there is none.
        mutating func next() -> (@Sendable () -> Void)? {
            isTaken = !waiting.isEmpty
            return waiting.isEmpty ? nil : waiting.removeFirst()
        }
    }

    /// Beyond so many no more wait.
    private static let waitingLimit = 1000

    /// Does a change behind those that came before it: at once, or in the thread that does these,
    /// and no other thread waits. False where too many wait.
    func inTurn(_ change: @escaping @Sendable () -> Void) -> Bool {
        let (isAdded, isMine) = turns.withLock { turns in
            guard turns.waiting.count < Self.waitingLimit else { return (false, false) }
            turns.waiting.append(change)
            defer { turns.isTaken = true }
            return (true, !turns.isTaken)
        }
        guard isMine else { return isAdded }
        while let change = turns.withLock({ $0.next() }) { change() }
        return true
    }

    /// Adds rules; durable, and in force, on return. In turn.
    func add(_ rules: [ACLBinding]) throws(BrokerError) {
        try change { authorizer in for rule in rules { authorizer.add(rule) } }
    }

    /// Removes the rules of each filter, and tells them. In turn.
    func remove(_ filters: [ACLFilter]) throws(BrokerError) -> [[ACLBinding]] {
        try change { authorizer throws(BrokerError) in
            guard let found = authorizer.rules(ofEach: filters) else {
                throw .refused(
                    .invalidRequest,
                    "The \(filters.count) filters of the request mean too many rules: send fewer "
                        + "of them at once, or filters that name principals."
                )
            }
            for rule in found.joined() { authorizer.remove(rule) }
            return found
        }
    }

    private func change<Result: Sendable>(
        _ body: (inout Authorizer) throws(BrokerError) -> Result
    ) throws(BrokerError) -> Result {
        let before = authorizer.withLock { $0 }
        var changed = before
        let result = try body(&changed)
        guard changed.rules != before.rules else { return result }
        let grows = changed.rules.count >= before.rules.count
        guard !grows || changed.rules.count <= Self.ruleLimit else {
            throw .refused(
                .invalidRequest,
                "There may be \(Self.ruleLimit) access rules at most."
            )
        }
        guard let bytes = ACLBinding.bytes(of: changed.rules.sorted()) else {
            throw .refused(.invalidRequest, "An access rule is too long to be kept.")
        }
        guard bytes.count <= (grows ? Self.byteLimit : broker.accessRuleByteLimit) else {
            throw .refused(
                .invalidRequest,
                "All access rules may have \(Self.byteLimit) bytes at most, and would have "
                    + "\(bytes.count)."
            )
        }
        try broker.storeAccessRules(bytes)
        let installed = changed
        authorizer.withLock { $0 = installed }
        return result
    }

    // MARK: Decisions

    /// What a connection may do; nil where that is everything.
    func rights(of connection: ConnectionIdentity) -> Rights? {
        guard !connection.isOwner else { return nil }
        let rights = Rights(self, connection)
        return authorizer.withLock { $0.isSuperUser(rights.caller) } ? nil : rights
    }

    fileprivate func allows(
        _ operation: ACLOperation,
        _ type: ResourceType,
        _ name: String,
        _ caller: Authorizer.Caller
    ) -> Bool {
        authorizer.withLock { $0 }.allows(operation, on: type, name, by: caller)
    }

    fileprivate func allowsAny(
        _ operation: ACLOperation,
        _ type: ResourceType,
        _ caller: Authorizer.Caller
    ) -> Bool {
        authorizer.withLock { $0 }.allowsAny(operation, on: type, by: caller)
    }

    fileprivate func tell(_ denial: Denial) {
        let now = broker.clock.monotonicNanoseconds()
        let principal = ExactText(denial.principal)
        guard let silent = limits.withLock({ $0.take(principal, now: now) }) else { return }
        var denial = denial
        denial.silentCount = silent
        settings.onDenial(denial)
    }
}

/// What the client of one request may do.
struct Rights: Sendable {
    let caller: Authorizer.Caller
    private let control: AccessControl
    private let connection: ConnectionIdentity

    init(_ control: AccessControl, _ connection: ConnectionIdentity) {
        self.control = control
        self.connection = connection
        caller = Authorizer.Caller(principal: connection.principal, host: connection.host)
    }

    /// A decision that is told where it is a denial.
    func allows(_ operation: ACLOperation, _ type: ResourceType, _ name: String) -> Bool {
        if mayKnow(operation, type, name) { return true }
        let denial = Denial(
            principal: connection.principal,
            host: connection.host,
            operation: operation,
            type: type,
            name: name
        )
        control.tell(denial)
        return false
    }

    func allowsOnCluster(_ operation: ACLOperation) -> Bool {
        allows(operation, .cluster, Authorizer.clusterName)
    }

    /// A decision about what nobody asked for by name: a denial is not told.
    func mayKnow(_ operation: ACLOperation, _ type: ResourceType, _ name: String) -> Bool {
        control.allows(operation, type, name, caller)
    }

    func allowsAny(_ operation: ACLOperation, _ type: ResourceType) -> Bool {
        control.allowsAny(operation, type, caller)
    }

    /// Kafka's bits of those `operations` that the client may do.
    func bits(_ operations: [ACLOperation], _ type: ResourceType, _ name: String) -> Int32 {
        var bits: Int32 = 0
        for operation in operations where mayKnow(operation, type, name) {
            bits |= 1 << Int32(operation.rawValue)
        }
        return bits
    }
}

extension ACLBinding {
    private static let fileVersion: Int16 = 3

    /// Rules as they are kept: a CreateAcls request of version 3.
    static func bytes(of rules: [ACLBinding]) -> [UInt8]? {
        let request = CreateAclsRequest(creations: rules.map(\.creation))
        do throws(WireError) { return try request.encoded(version: fileVersion) } catch {
            return nil
        }
    }

    /// nil where they are not such.
    static func list(_ bytes: [UInt8]) -> [ACLBinding]? {
        bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            do throws(WireError) {
                let request = try CreateAclsRequest(reading: &reader, version: fileVersion)
                let rules = request.creations.compactMap { ACLBinding($0) }
                return rules.count == request.creations.count ? rules : nil
            } catch { return nil }
        }
    }

    /// A rule off the wire; nil where it has a number that no rule has.
    init?(_ creation: CreateAclsRequest.AclCreation) {
        guard let type = ResourceType(rawValue: creation.resourceType),
            let pattern = PatternType(rawValue: creation.resourcePatternType),
            let operation = ACLOperation(rawValue: creation.operation),
            let permission = ACLPermission(rawValue: creation.permissionType)
        else { return nil }
        self.init(
            permission,
            creation.principal,
            operation,
            on: type,
            creation.resourceName,
            pattern: pattern,
            host: creation.host
        )
    }

    var creation: CreateAclsRequest.AclCreation {
        .init(
            resourceType: type.rawValue,
            resourceName: name.text,
            resourcePatternType: pattern.rawValue,
            principal: principal.text,
            host: host.text,
            operation: operation.rawValue,
            permissionType: permission.rawValue
        )
    }
}
