package import Coordination

extension ExactText {
    static let wildcard = ExactText("*")
}

/// What a rule is about, by Kafka's numbers.
package enum ResourceType: Int8, CaseIterable, Sendable {
    case topic = 2
    case group = 3
    case cluster = 4
    case transactionalID = 5
    case delegationToken = 6
    case user = 7

    /// What can be done with it, all of it aside, as Kafka has it. Delegation tokens and users have
    /// no operations here: rules about them are refused.
    package var operations: [ACLOperation] {
        switch self {
        case .topic:
            [
                .read, .write, .create, .delete, .alter, .describe, .describeConfigs, .alterConfigs,
            ]
        case .group: [.read, .delete, .describe, .describeConfigs, .alterConfigs]
        case .cluster:
            [
                .create, .alter, .describe, .clusterAction, .describeConfigs, .alterConfigs,
                .idempotentWrite,
            ]
        case .transactionalID: [.write, .describe, .twoPhaseCommit]
        case .delegationToken, .user: []
        }
    }
}

/// How a rule names its resources, by Kafka's numbers.
package enum PatternType: Int8, CaseIterable, Sendable {
    /// The one name, or all where it is `*`.
    case literal = 3
    /// All names that begin so.
    case prefixed = 4
}

/// What is done, by Kafka's numbers.
package enum ACLOperation: Int8, CaseIterable, Sendable {
    case all = 2
    case read = 3
    case write = 4
    case create = 5
    case delete = 6
    case alter = 7
    case describe = 8
    case clusterAction = 9
    case describeConfigs = 10
    case alterConfigs = 11
    case idempotentWrite = 12
    case createTokens = 13
    case describeTokens = 14
    case twoPhaseCommit = 15

    /// Whether leave to do this is leave to do `other`.
    func allows(_ other: ACLOperation) -> Bool {
        if self == .all || self == other { return true }
        switch other {
        case .describe: return [.read, .write, .delete, .alter].contains(self)
        case .describeConfigs: return self == .alterConfigs
        default: return false
        }
    }

    /// Whether the prohibition of this is one of `other`: nothing is implied.
    func denies(_ other: ACLOperation) -> Bool { self == .all || self == other }
}

/// By Kafka's numbers.
package enum ACLPermission: Int8, CaseIterable, Sendable {
    case deny = 2
    case allow = 3
}

/// One rule: who may, or may not, do what, from where, to which resources. Kafka's AclBinding.
package struct ACLBinding: Hashable, Sendable, Comparable {
    package let type: ResourceType
    package let name: ExactText
    package let pattern: PatternType
    package let principal: ExactText
    /// An address in its one spelling, or `*`.
    package let host: ExactText
    package let operation: ACLOperation
    package let permission: ACLPermission

    package init(
        _ permission: ACLPermission,
        _ principal: String,
        _ operation: ACLOperation,
        on type: ResourceType,
        _ name: String,
        pattern: PatternType = .literal,
        host: String = "*"
    ) {
        self.init(
            type: type,
            name: ExactText(name),
            pattern: pattern,
            principal: ExactText(principal),
            host: ExactText(HostAddress.spelling(host)),
            operation: operation,
            permission: permission
        )
    }

    init(
        type: ResourceType,
        name: ExactText,
        pattern: PatternType,
        principal: ExactText,
        host: ExactText,
        operation: ACLOperation,
        permission: ACLPermission
    ) {
        self.type = type
        self.name = name
        self.pattern = pattern
        self.principal = principal
        self.host = host
        self.operation = operation
        self.permission = permission
    }

    /// In the order in which they are listed.
    package static func < (left: ACLBinding, right: ACLBinding) -> Bool {
        if left.type != right.type { return left.type.rawValue < right.type.rawValue }
        if left.name != right.name { return left.name < right.name }
        if left.pattern != right.pattern { return left.pattern.rawValue < right.pattern.rawValue }
        if left.principal != right.principal { return left.principal < right.principal }
        if left.host != right.host { return left.host < right.host }
        if left.operation != right.operation {
            return left.operation.rawValue < right.operation.rawValue
        }
        return left.permission.rawValue < right.permission.rawValue
    }
}

/// Which rules are meant; nil for any. Kafka's AclBindingFilter.
package struct ACLFilter: Equatable, Sendable {
    /// How names are compared, by Kafka's numbers.
    package enum Pattern: Int8, Sendable {
        /// Rules of this very name, however they name.
        case any = 1
        /// Rules that hold for a resource of this name.
        case match = 2
        case literal = 3
        case prefixed = 4
    }

    package var type: ResourceType?
    package var name: ExactText?
    package var pattern: Pattern
    package var principal: ExactText?
    package var host: ExactText?
    package var operation: ACLOperation?
    package var permission: ACLPermission?

    package init(pattern: Pattern = .any) { self.pattern = pattern }

    /// A filter off the wire; nil where it has a number that is not known.
    init?(
        type: Int8,
        name: String?,
        pattern: Int8,
        principal: String?,
        host: String?,
        operation: Int8,
        permission: Int8
    ) {
        guard let known = Pattern(rawValue: pattern) else { return nil }
        self.init(pattern: known)
        self.type = ResourceType(rawValue: type)
        self.operation = ACLOperation(rawValue: operation)
        self.permission = ACLPermission(rawValue: permission)
        let isAny: Int8 = 1
        guard self.type != nil || type == isAny,
            self.operation != nil || operation == isAny,
            self.permission != nil || permission == isAny
        else { return nil }
        self.name = name.map { ExactText($0) }
        self.principal = principal.map { ExactText($0) }
        self.host = host.map { ExactText(HostAddress.spelling($0)) }
    }

    package func matches(_ rule: ACLBinding) -> Bool {
        if let type, type != rule.type { return false }
        if let principal, principal != rule.principal { return false }
        if let host, host != rule.host { return false }
        if let operation, operation != rule.operation { return false }
        if let permission, permission != rule.permission { return false }
        switch pattern {
        case .literal where rule.pattern != .literal: return false
        case .prefixed where rule.pattern != .prefixed: return false
        default: break
        }
        guard let name else { return true }
        guard pattern == .match else { return name == rule.name }
        switch rule.pattern {
        case .literal: return name == rule.name || rule.name == .wildcard
        case .prefixed: return name.bytes.starts(with: rule.name.bytes)
        }
    }
}

// MARK: Words

extension ResourceType {
    /// Kafka's word for it, as its tools have it.
    package var word: String {
        switch self {
        case .topic: "topic"
        case .group: "group"
        case .cluster: "cluster"
        case .transactionalID: "transactional-id"
        case .delegationToken: "delegation-token"
        case .user: "user"
        }
    }
}

extension ACLOperation {
    /// Kafka's word for it, as its tools have it.
    package var word: String {
        switch self {
        case .all: "All"
        case .read: "Read"
        case .write: "Write"
        case .create: "Create"
        case .delete: "Delete"
        case .alter: "Alter"
        case .describe: "Describe"
        case .clusterAction: "ClusterAction"
        case .describeConfigs: "DescribeConfigs"
        case .alterConfigs: "AlterConfigs"
        case .idempotentWrite: "IdempotentWrite"
        case .createTokens: "CreateTokens"
        case .describeTokens: "DescribeTokens"
        case .twoPhaseCommit: "TwoPhaseCommit"
        }
    }
}
