import BrokerAPI
import Coordination
import KafkaWire
import Terminal

/// What the words of an `acl` command say of rules.
struct AclWords {
    static let `where` =
        "A server looks at rules where it\nhas an authorizer: "
        + "millrace serve --config authorizer.class.name=standard."

    enum Pattern: String, CaseIterable, Sendable {
        case literal
        case prefixed
    }

    private static let allow = Parameter.repeated(
        "allow",
        .nonemptyText("PRINCIPAL"),
        help: "who may, such as User:alice; User:* is everybody"
    )
    private static let deny = Parameter.repeated(
        "deny",
        .nonemptyText("PRINCIPAL"),
        help: "who may not; a prohibition beats every leave"
    )
    private static let operation = Parameter.repeated(
        "operation",
        ValueKind<ACLOperation>.operation,
        help: "what, by Kafka's words: " + ACLOperation.allCases.map(\.word).joined(separator: ", ")
    )
    private static let host = Parameter.optional(
        "host",
        .nonemptyText("ADDRESS"),
        help: "from where; any without it"
    )
    private static let topic = Parameter.repeated(
        "topic",
        .nonemptyText("TOPIC"),
        help: "a topic, or * for all"
    )
    private static let group = Parameter.repeated(
        "group",
        .nonemptyText("GROUP"),
        help: "a group of readers, or * for all"
    )
    private static let transactionalID = Parameter.repeated(
        "transactional-id",
        .nonemptyText("ID"),
        help: "a transactional id, or * for all"
    )
    private static let cluster = Parameter.flag("cluster", help: "the cluster itself")
    private static let pattern = Parameter.optional(
        "pattern",
        ValueKind<Pattern>.choice("PATTERN"),
        help: "whether names are whole ones, or begins of names; whole ones without it"
    )

    static let parameters: [ParameterDeclaration] = [
        allow.declaration, deny.declaration, operation.declaration, host.declaration,
        topic.declaration, group.declaration, transactionalID.declaration, cluster.declaration,
        pattern.declaration,
    ]

    private let principals: [(name: String, permission: ACLPermission)]
    private let operations: [ACLOperation]
    private let host: String?
    private var resources: [(type: ResourceType, name: String)]
    private let pattern: PatternType?

    init(_ invocation: Invocation) {
        var principals: [(name: String, permission: ACLPermission)] = []
        for name in invocation[Self.allow] { principals.append((name, .allow)) }
        for name in invocation[Self.deny] { principals.append((name, .deny)) }
        self.principals = principals
        operations = invocation[Self.operation]
        host = invocation[Self.host]
        var resources: [(type: ResourceType, name: String)] = []
        for name in invocation[Self.topic] { resources.append((.topic, name)) }
        for name in invocation[Self.group] { resources.append((.group, name)) }
        for name in invocation[Self.transactionalID] { resources.append((.transactionalID, name)) }
        if invocation[Self.cluster] { resources.append((.cluster, Authorizer.clusterName)) }
        self.resources = resources
        pattern = invocation[Self.pattern].map { $0 == .literal ? .literal : .prefixed }
    }

    /// Whether they mean every rule.
    var isEmpty: Bool {
        principals.isEmpty && operations.isEmpty && host == nil && resources.isEmpty
            && pattern == nil
    }

    /// The rules that they make.
    func rules() throws(UsageError) -> [CreateAclsRequest.AclCreation] {
        guard !principals.isEmpty else {
            throw UsageError("say who, such as --allow User:alice")
        }
        guard !operations.isEmpty else { throw UsageError("say what, such as --operation read") }
        guard !resources.isEmpty else { throw UsageError("say of what, such as --topic orders") }
        return principals.flatMap { principal in
            resources.flatMap { resource in
                operations.map { operation in
                    CreateAclsRequest.AclCreation(
                        resourceType: resource.type.rawValue,
                        resourceName: resource.name,
                        resourcePatternType: (pattern ?? .literal).rawValue,
                        principal: principal.name,
                        host: host ?? "*",
                        operation: operation.rawValue,
                        permissionType: principal.permission.rawValue
                    )
                }
            }
        }
    }

    private func isFrom(_ other: String) -> Bool {
        guard let host else { return true }
        return HostAddress.spelling(host) == HostAddress.spelling(other)
    }

    /// Whether a rule holds for what they name, as well as where it names just that: a rule of `*`
    /// holds for every name, a prefixed one for those that begin so. With a pattern only those of
    /// that name are meant.
    func concern(_ rule: CreateAclsRequest.AclCreation) -> Bool {
        guard pattern == nil else { return mean(rule) }
        var widened = self
        widened.resources = resources.map { resource in
            let holds =
                resource.type.rawValue == rule.resourceType
                && (rule.resourcePatternType == PatternType.prefixed.rawValue
                    ? resource.name.utf8.starts(with: rule.resourceName.utf8)
                    : rule.resourceName == "*")
            return holds ? (resource.type, rule.resourceName) : resource
        }
        return widened.mean(rule)
    }

    /// Whether they mean a rule that there is: any of the words of each kind.
    func mean(_ rule: CreateAclsRequest.AclCreation) -> Bool {
        let isPrincipal =
            principals.isEmpty
            || principals.contains {
                ExactText($0.name) == ExactText(rule.principal)
                    && $0.permission.rawValue == rule.permissionType
            }
        let isResource =
            resources.isEmpty
            || resources.contains {
                $0.type.rawValue == rule.resourceType
                    && ExactText($0.name) == ExactText(rule.resourceName)
            }
        let isOperation =
            operations.isEmpty || operations.contains { $0.rawValue == rule.operation }
        return isPrincipal && isResource && isOperation && isFrom(rule.host)
            && (pattern == nil || pattern?.rawValue == rule.resourcePatternType)
    }
}

extension ValueKind where Value == ACLOperation {
    /// Kafka's word, whatever the case of its letters.
    static var operation: ValueKind {
        ValueKind(placeholder: "OPERATION", expectation: "one of Kafka's operations") { text in
            ACLOperation.allCases.first { $0.word.lowercased() == text.lowercased() }
        }
    }
}
