import Coordination

/// The rules that filters mean. A request may have thousands of filters: each is looked up where
/// its rules may lie, and how much is looked at for one request is bounded.
extension Authorizer {
    /// Beyond so many looks at rules a request of several filters is too much.
    package static let lookLimit = 2_000_000

    /// The rules of each filter, sorted; nil where that would be too much for one request.
    package func rules(
        ofEach filters: [ACLFilter],
        lookLimit: Int = Authorizer.lookLimit
    ) -> [[ACLBinding]]? {
        var left = lookLimit
        var found: [[ACLBinding]] = []
        for filter in filters {
            guard let rules = rules(of: filter, &left) else { return nil }
            found.append(rules.sorted())
        }
        return found
    }

    private func rules(of filter: ACLFilter, _ left: inout Int) -> [ACLBinding]? {
        if let name = filter.name {
            var found: [ACLBinding] = []
            for place in placesOf(filter, name) {
                for (principal, hosts) in holders(at: place, filter, &left) {
                    let marks = select(filter.host, of: hosts, &left)
                    guard left >= 0 else { return nil }
                    for (host, marks) in marks {
                        found += Self.rules(place, principal, host, marks).filter(filter.matches)
                    }
                }
                guard left >= 0 else { return nil }
            }
            return found
        }
        let candidates = filter.principal.map { rulesOfPrincipal[$0] ?? [] } ?? rules
        left -= candidates.count
        return left >= 0 ? candidates.filter(filter.matches) : nil
    }

    /// Where rules may lie that a filter means by name.
    private func placesOf(_ filter: ACLFilter, _ name: ExactText) -> [Place] {
        let types = filter.type.map { [$0] } ?? ResourceType.allCases
        return types.flatMap { type in
            switch filter.pattern {
            case .match: placesOf(type, name)
            case .literal: [Place(type: type, pattern: .literal, name: name)]
            case .prefixed: [Place(type: type, pattern: .prefixed, name: name)]
            case .any:
                PatternType.allCases.map { Place(type: type, pattern: $0, name: name) }
            }
        }
    }

    private func holders(
        at place: Place,
        _ filter: ACLFilter,
        _ left: inout Int
    ) -> [ExactText: [ExactText: Marks]] {
        left -= 1
        guard let principals = places[place] else { return [:] }
        guard let principal = filter.principal else {
            left -= principals.count
            return left >= 0 ? principals : [:]
        }
        return principals[principal].map { [principal: $0] } ?? [:]
    }

    private func select(
        _ host: ExactText?,
        of hosts: [ExactText: Marks],
        _ left: inout Int
    ) -> [ExactText: Marks] {
        guard let host else {
            left -= hosts.count
            return left >= 0 ? hosts : [:]
        }
        return hosts[host].map { [host: $0] } ?? [:]
    }

    private static func rules(
        _ place: Place,
        _ principal: ExactText,
        _ host: ExactText,
        _ marks: Marks
    ) -> [ACLBinding] {
        ACLPermission.allCases.flatMap { permission in
            ACLOperation.allCases.filter { marks[permission] & $0.bit != 0 }.map { operation in
                ACLBinding(
                    type: place.type,
                    name: place.name,
                    pattern: place.pattern,
                    principal: principal,
                    host: host,
                    operation: operation,
                    permission: permission
                )
            }
        }
    }
}
