import Coordination
import KafkaWire
import LogModel

/// Rules that may be made: those of Kafka's controller, and of them only such as can hold for
/// somebody. One that never holds is a mistake, and the most dangerous one is a prohibition.
extension ACLBinding {
    init(checking creation: CreateAclsRequest.AclCreation) throws(Refusal) {
        guard let type = ResourceType(rawValue: creation.resourceType) else {
            throw Self.refusal("Invalid resourceType \(creation.resourceType)")
        }
        guard !type.operations.isEmpty else {
            throw Self.refusal("There are no users and delegation tokens here.")
        }
        guard let pattern = PatternType(rawValue: creation.resourcePatternType) else {
            throw Self.refusal("Invalid patternType \(creation.resourcePatternType)")
        }
        guard let operation = ACLOperation(rawValue: creation.operation) else {
            throw Self.refusal("Invalid operation \(creation.operation)")
        }
        guard operation == .all || type.operations.contains(operation) else {
            let words = ([.all] + type.operations).map(\.word).joined(separator: ", ")
            throw Self.refusal(
                "\(operation.word) is no operation of a \(type.word); these are: \(words)"
            )
        }
        guard ACLPermission(rawValue: creation.permissionType) != nil else {
            throw Self.refusal("Invalid permissionType \(creation.permissionType)")
        }
        try Self.check(name: creation.resourceName, of: type, pattern)
        try Self.check(principal: creation.principal)
        try Self.check(host: creation.host)
        guard let rule = ACLBinding(creation) else {
            throw Self.refusal("An element of the rule is not known")
        }
        self = rule
    }

    private static func check(
        name: String,
        of type: ResourceType,
        _ pattern: PatternType
    ) throws(Refusal) {
        guard !name.isEmpty else { throw refusal("Resource name should not be empty") }
        switch type {
        case .cluster:
            guard name == Authorizer.clusterName else {
                throw refusal(
                    "The only valid name for the CLUSTER resource is \(Authorizer.clusterName)"
                )
            }
        case .topic:
            if pattern == .literal, ExactText(name) == .wildcard { return }
            // Each begin of a topic's name but these two is a topic's name itself.
            if pattern == .prefixed, name == "." || name == ".." { return }
            if let problem = TopicName.problem(with: name) { throw refusal(problem) }
        case .group, .transactionalID, .delegationToken, .user:
            guard pattern == .literal || ExactText(name) != .wildcard else {
                throw refusal("* means every name as a literal one, and begins none that is used")
            }
        }
    }

    private static func check(principal: String) throws(Refusal) {
        let parts = principal.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw refusal(
                "expected a string in format principalType:principalName but got \(principal)"
            )
        }
        guard parts[0].utf8.elementsEqual("User".utf8) else {
            throw refusal(
                "Nobody is a \(parts[0]): the type of every principal is User, as in User:alice"
            )
        }
    }

    private static func check(host: String) throws(Refusal) {
        guard host == "*" || HostAddress(host) != nil else {
            throw refusal(
                "The host '\(host)' is no address: a rule holds for one IPv4 or IPv6 address, or "
                    + "with * for all; names of hosts and ranges of addresses are not looked up"
            )
        }
    }

    private static func refusal(_ reason: String) -> Refusal { Refusal(.invalidRequest, reason) }
}
