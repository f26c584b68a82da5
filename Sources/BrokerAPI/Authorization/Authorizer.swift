import Coordination

/// Who may do what, by the rules of Kafka's StandardAuthorizer. A value: questions in, decisions
/// out.
///
/// A prohibition beats every leave. Where no rule names a resource, nobody may use it but the super
/// users, unless `allowsUnlisted` (`allow.everyone.if.no.acl.found`).
///
/// Rules lie by resource and principal. A decision looks up the name, the wildcard, and one prefix
/// for each length that a prefixed rule has: it does not grow with the number of rules.
package struct Authorizer: Sendable {
    /// Who asks.
    package struct Caller: Sendable {
        let principal: ExactText
        let host: ExactText

        package init(principal: String, host: String) {
            self.principal = ExactText(principal)
            self.host = ExactText(host)
        }
    }

    private struct Place: Hashable, Sendable {
        let type: ResourceType
        let pattern: PatternType
        let name: ExactText
    }

    private let superUsers: Set<ExactText>
    private let allowsUnlisted: Bool
    package private(set) var rules: Set<ACLBinding> = []
    private var places: [Place: [ExactText: [ACLBinding]]] = [:]
    /// How many prefixed places there are of each length.
    private var prefixLengths: [ResourceType: [Int: Int]] = [:]

    private static let everybody = ExactText("User:*")
    package static let clusterName = "kafka-cluster"

    package init(
        superUsers: Set<String> = [],
        allowsUnlisted: Bool = false,
        rules: [ACLBinding] = []
    ) {
        self.superUsers = Set(superUsers.map { ExactText($0) })
        self.allowsUnlisted = allowsUnlisted
        for rule in rules { add(rule) }
    }

    // MARK: Rules

    package mutating func add(_ rule: ACLBinding) {
        guard rules.insert(rule).inserted else { return }
        let place = Place(type: rule.type, pattern: rule.pattern, name: rule.name)
        if rule.pattern == .prefixed, places[place] == nil {
            prefixLengths[rule.type, default: [:]][rule.name.bytes.count, default: 0] += 1
        }
        places[place, default: [:]][rule.principal, default: []].append(rule)
    }

    /// Removes this rule, and no other of its resource.
    package mutating func remove(_ rule: ACLBinding) {
        guard rules.remove(rule) != nil else { return }
        let place = Place(type: rule.type, pattern: rule.pattern, name: rule.name)
        places[place]?[rule.principal]?.removeAll { $0 == rule }
        if places[place]?[rule.principal]?.isEmpty == true {
            places[place]?[rule.principal] = nil
        }
        guard places[place]?.isEmpty == true else { return }
        places[place] = nil
        guard rule.pattern == .prefixed else { return }
        let length = rule.name.bytes.count
        let left = (prefixLengths[rule.type]?[length] ?? 1) - 1
        prefixLengths[rule.type]?[length] = left > 0 ? left : nil
    }

    // MARK: Decisions

    package func isSuperUser(_ caller: Caller) -> Bool { superUsers.contains(caller.principal) }

    package func allows(
        _ operation: ACLOperation,
        on type: ResourceType,
        _ name: String,
        by caller: Caller
    ) -> Bool {
        if isSuperUser(caller) { return true }
        let name = ExactText(name)
        var isListed = false
        var isAllowed = false
        for place in placesOf(type, name) {
            guard let principals = places[place] else { continue }
            isListed = true
            for principal in [caller.principal, Self.everybody] {
                for rule in principals[principal] ?? [] where holds(rule, from: caller) {
                    switch rule.permission {
                    case .deny: if rule.operation.denies(operation) { return false }
                    case .allow: if rule.operation.allows(operation) { isAllowed = true }
                    }
                }
            }
        }
        return isAllowed || (!isListed && allowsUnlisted)
    }

    /// Whether there is any resource of the type with which the caller may do it: the wildcard, or
    /// one that no prohibition covers.
    package func allowsAny(
        _ operation: ACLOperation,
        on type: ResourceType,
        by caller: Caller
    ) -> Bool {
        if isSuperUser(caller) { return true }
        var allowed: Set<Place> = []
        var denied: Set<Place> = []
        for (place, principals) in places where place.type == type {
            for principal in [caller.principal, Self.everybody] {
                for rule in principals[principal] ?? [] where holds(rule, from: caller) {
                    guard rule.operation.denies(operation) else { continue }
                    if rule.permission == .deny {
                        denied.insert(place)
                    } else {
                        allowed.insert(place)
                    }
                }
            }
        }
        let everything = Place(type: type, pattern: .literal, name: .wildcard)
        if denied.contains(everything) { return false }
        if allowed.contains(everything) || (allowsUnlisted && allowed.isEmpty && denied.isEmpty) {
            return true
        }
        return allowed.contains { place in
            if place.pattern == .literal, denied.contains(place) { return false }
            let bytes = place.name.bytes
            return !(1...max(bytes.count, 1)).contains { length in
                let prefix = ExactText(bytes: bytes.prefix(length))
                return denied.contains(Place(type: type, pattern: .prefixed, name: prefix))
            }
        }
    }

    private func holds(_ rule: ACLBinding, from caller: Caller) -> Bool {
        rule.host == .wildcard || rule.host == caller.host
    }

    /// Where rules for a resource may lie.
    private func placesOf(_ type: ResourceType, _ name: ExactText) -> [Place] {
        var found = [Place(type: type, pattern: .literal, name: name)]
        if name != .wildcard {
            found.append(Place(type: type, pattern: .literal, name: .wildcard))
        }
        for length in (prefixLengths[type] ?? [:]).keys where length <= name.bytes.count {
            let prefix = ExactText(bytes: name.bytes.prefix(length))
            found.append(Place(type: type, pattern: .prefixed, name: prefix))
        }
        return found
    }
}
