import Coordination

/// Who may do what, by the rules of Kafka's StandardAuthorizer. A value: questions in, decisions
/// out.
///
/// A prohibition beats every leave. Where no rule names a resource, nobody may use it but the super
/// users, unless `allowsUnlisted` (`allow.everyone.if.no.acl.found`).
///
/// Rules lie by resource, principal and host. A decision looks up the name, the wildcard, and one
/// prefix for each length that a prefixed rule has: it does not grow with the number of rules.
package struct Authorizer: Sendable {
    /// Who asks.
    package struct Caller: Sendable {
        let principal: ExactText
        let host: ExactText

        package init(principal: String, host: String) {
            self.principal = ExactText(principal)
            self.host = ExactText(HostAddress.spelling(host))
        }
    }

    struct Place: Hashable, Sendable {
        let type: ResourceType
        let pattern: PatternType
        let name: ExactText
    }

    /// The operations of all rules of one place, principal and host, a bit each.
    struct Marks: Sendable {
        var allowed: UInt32 = 0
        var denied: UInt32 = 0

        var isEmpty: Bool { allowed == 0 && denied == 0 }

        subscript(permission: ACLPermission) -> UInt32 {
            get { permission == .allow ? allowed : denied }
            set { if permission == .allow { allowed = newValue } else { denied = newValue } }
        }
    }

    private let superUsers: Set<ExactText>
    private let allowsUnlisted: Bool
    package private(set) var rules: Set<ACLBinding> = []
    /// By principal, then by host.
    private(set) var places: [Place: [ExactText: [ExactText: Marks]]] = [:]
    private(set) var rulesOfPrincipal: [ExactText: Set<ACLBinding>] = [:]
    /// How many prefixed places there are of each length.
    private var prefixLengths: [ResourceType: [Int: Int]] = [:]

    private static let everybody = ExactText("User:*")
    package static let clusterName = "kafka-cluster"

    package init(
        superUsers: [String] = [],
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
        rulesOfPrincipal[rule.principal, default: []].insert(rule)
        let place = Place(rule)
        if rule.pattern == .prefixed, places[place] == nil {
            prefixLengths[rule.type, default: [:]][rule.name.bytes.count, default: 0] += 1
        }
        places[place, default: [:]][rule.principal, default: [:]][rule.host, default: Marks()][
            rule.permission
        ] |= rule.operation.bit
    }

    /// Removes this rule, and no other of its resource.
    package mutating func remove(_ rule: ACLBinding) {
        guard rules.remove(rule) != nil else { return }
        rulesOfPrincipal[rule.principal]?.remove(rule)
        if rulesOfPrincipal[rule.principal]?.isEmpty == true {
            rulesOfPrincipal[rule.principal] = nil
        }
        let place = Place(rule)
        guard removeMark(rule, of: place), rule.pattern == .prefixed else { return }
        let length = rule.name.bytes.count
        let left = (prefixLengths[rule.type]?[length] ?? 1) - 1
        prefixLengths[rule.type]?[length] = left > 0 ? left : nil
    }

    /// Whether nothing is left of the place.
    private mutating func removeMark(_ rule: ACLBinding, of place: Place) -> Bool {
        let (principal, host) = (rule.principal, rule.host)
        places[place]?[principal]?[host]?[rule.permission] &= ~rule.operation.bit
        guard places[place]?[principal]?[host]?.isEmpty == true else { return false }
        places[place]?[principal]?[host] = nil
        guard places[place]?[principal]?.isEmpty == true else { return false }
        places[place]?[principal] = nil
        guard places[place]?.isEmpty == true else { return false }
        places[place] = nil
        return true
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
        let prohibitions = ACLOperation.all.bit | operation.bit
        let leaves = operation.leaves
        var isListed = false
        var isAllowed = false
        for place in placesOf(type, ExactText(name)) {
            guard let principals = places[place] else { continue }
            isListed = true
            for principal in [caller.principal, Self.everybody] {
                guard let hosts = principals[principal] else { continue }
                for host in [caller.host, .wildcard] {
                    guard let marks = hosts[host] else { continue }
                    if marks.denied & prohibitions != 0 { return false }
                    if marks.allowed & leaves != 0 { isAllowed = true }
                }
            }
        }
        return isAllowed || (!isListed && allowsUnlisted)
    }

    /// Kafka asks about a resource of this name before it looks at any rule.
    private static let anyName = "hardcode"

    /// Whether there is any resource of the type with which the caller may do it: one that no rule
    /// names, the wildcard, or one that no prohibition covers.
    package func allowsAny(
        _ operation: ACLOperation,
        on type: ResourceType,
        by caller: Caller
    ) -> Bool {
        if allows(operation, on: type, Self.anyName, by: caller) { return true }
        var allowed: Set<Place> = []
        var denied: Set<Place> = []
        for principal in [caller.principal, Self.everybody] {
            for rule in rulesOfPrincipal[principal] ?? []
            where rule.type == type && rule.operation.denies(operation) {
                guard rule.host == .wildcard || rule.host == caller.host else { continue }
                if rule.permission == .deny {
                    denied.insert(Place(rule))
                } else {
                    allowed.insert(Place(rule))
                }
            }
        }
        let everything = Place(type: type, pattern: .literal, name: .wildcard)
        if denied.contains(everything) { return false }
        if allowed.contains(everything) { return true }
        return allowed.contains { place in
            if place.pattern == .literal, denied.contains(place) { return false }
            let bytes = place.name.bytes
            return !(1...max(bytes.count, 1)).contains { length in
                let prefix = ExactText(bytes: bytes.prefix(length))
                return denied.contains(Place(type: type, pattern: .prefixed, name: prefix))
            }
        }
    }

    /// Where rules for a resource may lie.
    func placesOf(_ type: ResourceType, _ name: ExactText) -> [Place] {
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

extension Authorizer.Place {
    init(_ rule: ACLBinding) {
        self.init(type: rule.type, pattern: rule.pattern, name: rule.name)
    }
}

extension ACLOperation {
    var bit: UInt32 { 1 << UInt32(rawValue) }

    /// The operations of which each is leave to do this.
    var leaves: UInt32 {
        Self.allCases.reduce(0) { $1.allows(self) ? $0 | $1.bit : $0 }
    }
}
