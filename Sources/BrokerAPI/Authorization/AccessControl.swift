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
    package var superUsers: Set<String> = []
    /// Whether anybody may use what no rule names (`allow.everyone.if.no.acl.found`).
    package var allowsUnlisted = false
    /// Is told what was denied, not more often than `DenialLimit` has it.
    package var onDenial: @Sendable (Denial) -> Void = { _ in }

    package init() {}
}

/// A decision against a client, for those who look after the server.
package struct Denial: Equatable, Sendable {
    package var principal: String
    package var host: String
    package var operation: ACLOperation
    package var type: ResourceType
    package var name: String
    /// How many before it were not told, of the same connection.
    package var silentCount = 0
}

/// The rules of a log that has an authorizer, kept in its directory.
package final class AccessControl: Sendable {
    private let broker: Broker
    private let settings: AuthorizerSettings
    private let authorizer: Lock<Authorizer>
    private let changing = Lock<Void>(())
    private let limits = Lock<[UInt64: DenialLimit]>([:])

    /// Beyond so many no more are taken.
    private static let ruleLimit = 100_000

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

    /// Adds rules; durable, and in force, on return.
    func add(_ rules: [ACLBinding]) throws(BrokerError) {
        try change { authorizer in for rule in rules { authorizer.add(rule) } }
    }

    /// Removes the rules of each filter, and tells them.
    func remove(_ filters: [ACLFilter]) throws(BrokerError) -> [[ACLBinding]] {
        try change { authorizer in
            let found = filters.map { filter in
                authorizer.rules.filter { filter.matches($0) }.sorted()
            }
            for rule in found.joined() { authorizer.remove(rule) }
            return found
        }
    }

    private func change<Result: Sendable>(
        _ body: (inout Authorizer) -> Result
    ) throws(BrokerError) -> Result {
        try changing.withLock { _ throws(BrokerError) in
            var changed = authorizer.withLock { $0 }
            let before = changed.rules
            let result = body(&changed)
            guard changed.rules != before else { return result }
            guard changed.rules.count <= max(Self.ruleLimit, before.count) else {
                throw .refused(
                    .invalidRequest,
                    "There may be \(Self.ruleLimit) access rules at most."
                )
            }
            guard let bytes = ACLBinding.bytes(of: changed.rules.sorted()) else {
                throw .refused(.invalidRequest, "An access rule is too long to be kept.")
            }
            try broker.storeAccessRules(bytes)
            let installed = changed
            authorizer.withLock { $0 = installed }
            return result
        }
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

    fileprivate func tell(_ denial: Denial, of connection: UInt64) {
        let now = broker.clock.monotonicNanoseconds()
        let silent = limits.withLock { $0[connection, default: DenialLimit()].take(now: now) }
        guard let silent else { return }
        var denial = denial
        denial.silentCount = silent
        settings.onDenial(denial)
    }

    func connectionClosed(_ connection: UInt64) {
        limits.withLock { $0[connection] = nil }
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
        control.tell(denial, of: connection.number)
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

/// How many denials of one connection are told: a client must not be able to flood the log.
struct DenialLimit: Sendable {
    static let count = 10
    static let nanoseconds: UInt64 = 10_000_000_000

    private var start: UInt64?
    private var toldCount = 0
    private var silentCount = 0

    /// How many were not told before this one; nil where this one is not told either.
    mutating func take(now: UInt64) -> Int? {
        if start.map({ now &- $0 >= Self.nanoseconds }) ?? true {
            start = now
            toldCount = 0
        }
        guard toldCount < Self.count else {
            silentCount += 1
            return nil
        }
        toldCount += 1
        defer { silentCount = 0 }
        return silentCount
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
