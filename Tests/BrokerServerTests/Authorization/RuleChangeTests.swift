import Broker
import BrokerAPI
import Coordination
import Dispatch
import KafkaRecords
import KafkaWire
import Synchronization
import Testing

/// Rules as they are made and removed: many of them, large ones, and such as hold for nobody.
struct RuleChangeTests {
    private func withLog(_ body: (APIHarness) throws -> Void) throws {
        var settings = AuthorizerSettings()
        settings.superUsers = ["User:root"]
        let harness = try APIHarness(authorizer: settings)
        harness.client = ConnectionIdentity(number: 1, host: "10.0.0.1", principal: "User:root")
        try body(harness)
        try harness.close()
    }

    private func creation(
        _ principal: String = "User:a",
        _ name: String = "t",
        _ type: ResourceType = .topic,
        _ operation: ACLOperation = .read,
        pattern: PatternType = .literal,
        host: String = "*"
    ) -> CreateAclsRequest.AclCreation {
        .init(
            resourceType: type.rawValue,
            resourceName: name,
            resourcePatternType: pattern.rawValue,
            principal: principal,
            host: host,
            operation: operation.rawValue,
            permissionType: ACLPermission.allow.rawValue
        )
    }

    private func create(
        _ creations: [CreateAclsRequest.AclCreation],
        _ harness: APIHarness
    ) throws -> [CreateAclsResponse.AclCreationResult] {
        let response: CreateAclsResponse = try harness.ask(
            CreateAclsRequest(creations: creations),
            30,
            3
        )
        return response.results
    }

    private func exactFilter(
        _ rule: CreateAclsRequest.AclCreation
    ) -> DeleteAclsRequest.DeleteAclsFilter {
        .init(
            resourceTypeFilter: rule.resourceType,
            resourceNameFilter: rule.resourceName,
            patternTypeFilter: rule.resourcePatternType,
            principalFilter: rule.principal,
            hostFilter: rule.host,
            operation: rule.operation,
            permissionType: rule.permissionType
        )
    }

    private static var anything: DeleteAclsRequest.DeleteAclsFilter {
        .init(
            resourceTypeFilter: 1,
            resourceNameFilter: nil,
            patternTypeFilter: 1,
            principalFilter: nil,
            hostFilter: nil,
            operation: 1,
            permissionType: 1
        )
    }

    private func delete(
        _ filters: [DeleteAclsRequest.DeleteAclsFilter],
        _ harness: APIHarness
    ) throws -> [DeleteAclsResponse.DeleteAclsFilterResult] {
        let response: DeleteAclsResponse = try harness.ask(
            DeleteAclsRequest(filters: filters),
            31,
            3
        )
        return response.filterResults
    }

    // MARK: Many

    /// With a look at each rule for each filter this takes minutes.
    @Test(.timeLimit(.minutes(1)))
    func `thousands of rules are removed by as many filters in one request`() throws {
        let creations = (0..<6_000).map { creation("User:u\($0)", "t\($0 % 3)") }
        try withLog { harness in
            #expect(try create(creations, harness).allSatisfy { $0.errorCode == 0 })
            let results = try delete(creations.map(exactFilter), harness)
            #expect(results.allSatisfy { $0.errorCode == 0 && $0.matchingAcls.count == 1 })
            #expect(try delete([Self.anything], harness)[0].matchingAcls.isEmpty)
        }
    }

    @Test func `filters find what a look at every rule finds`() {
        let rules = Self.someRules
        let authorizer = Authorizer(rules: rules)
        let filters = Self.someFilters
        let found = authorizer.rules(ofEach: filters)
        #expect(found == filters.map { filter in rules.filter(filter.matches).sorted() })
        #expect(found?.joined().isEmpty == false)
    }

    @Test func `a request whose filters mean too many rules is refused`() {
        let authorizer = Authorizer(rules: Self.someRules)
        let everything = [ACLFilter](repeating: ACLFilter(), count: 10)
        #expect(authorizer.rules(ofEach: everything, lookLimit: 10 * Self.someRules.count) != nil)
        #expect(authorizer.rules(ofEach: everything, lookLimit: 9 * Self.someRules.count) == nil)
        var named = ACLFilter(pattern: .match)
        named.name = ExactText("ab")
        #expect(authorizer.rules(ofEach: [named], lookLimit: 3) == nil)
    }

    private static let names = ["*", "a", "ab", "b"]
    private static let principals = ["User:a", "User:b", "User:*"]
    private static let hosts = ["*", "10.0.0.1"]

    private static var someRules: [ACLBinding] {
        var rules: [ACLBinding] = []
        for (index, name) in names.enumerated() {
            for principal in principals {
                for pattern in PatternType.allCases {
                    for operation in [ACLOperation.read, .write, .all] {
                        rules.append(
                            ACLBinding(
                                index % 2 == 0 ? .allow : .deny,
                                principal,
                                operation,
                                on: index < 2 ? .topic : .group,
                                name,
                                pattern: pattern,
                                host: hosts[index % 2]
                            )
                        )
                    }
                }
            }
        }
        return rules
    }

    private static var someFilters: [ACLFilter] {
        let patterns: [ACLFilter.Pattern] = [.any, .match, .literal, .prefixed]
        var filters: [ACLFilter] = []
        for pattern in patterns {
            for name in [nil] + names {
                for principal in [nil] + principals {
                    for host in [nil] + hosts {
                        var filter = ACLFilter(pattern: pattern)
                        filter.name = name.map { ExactText($0) }
                        filter.principal = principal.map { ExactText($0) }
                        filter.host = host.map { ExactText($0) }
                        filters.append(filter)
                        filter.type = .topic
                        filter.operation = .read
                        filters.append(filter)
                        filter.permission = .deny
                        filters.append(filter)
                    }
                }
            }
        }
        return filters
    }

    // MARK: Large

    @Test func `more bytes of rules than can be read again are refused, and smaller ones go`()
        throws
    {
        let long = String(repeating: "p", count: 32_000)
        // Just above what all rules may have.
        let count = AccessControl.byteLimit / 32_000 + 1
        let creations = (0..<count).map { creation("User:\($0)-\(long)", "g", .group) }
        try withLog { harness in
            let results = try create(creations, harness)
            #expect(results.allSatisfy { $0.errorCode == 42 })
            #expect(results.first?.errorMessage?.contains("bytes at most") == true)
            #expect(try create([creations[0]], harness).map(\.errorCode) == [0])
            #expect(try delete([exactFilter(creations[0])], harness)[0].matchingAcls.count == 1)
        }
    }

    // MARK: For nobody

    @Test func `rules that can hold for nobody are refused with a reason`() throws {
        let refused: [(CreateAclsRequest.AclCreation, String)] = [
            (creation("user:alice"), "User:alice"), (creation("Group:g"), "User"),
            (creation(host: "10.0.0.0/8"), "address"), (creation(host: "localhost"), "address"),
            (creation(host: "fe80::1%eth0"), "address"), (creation(host: "10.0.0.1\0"), "address"),
            (creation("User:a", "\u{212A}eys"), "ASCII"), (creation("User:a", "a b"), "ASCII"),
            (creation("User:a", String(repeating: "t", count: 250)), "249"),
            (creation("User:a", "a*", pattern: .prefixed), "ASCII"),
            (creation("User:a", "g", .group, .write), "Read"),
            (creation("User:a", "t", .topic, .clusterAction), "AlterConfigs"),
            (creation("User:a", "x", .transactionalID, .read), "TwoPhaseCommit"),
            (creation("User:a", "kafka-cluster", .cluster, .read), "ClusterAction"),
        ]
        let taken = [
            creation(host: "10.0.0.1"), creation(host: "::1"), creation("User:*", "*"),
            creation("User:CN=a:b", "..", pattern: .prefixed), creation("User:a", "*", .group),
            creation("User:a", "x y \u{E9}", .group), creation("User:a", "t", .topic, .all),
            creation("User:a", "x", .transactionalID, .write),
        ]
        try withLog { harness in
            let results = try create(refused.map(\.0) + taken, harness)
            for (result, (rule, word)) in zip(results, refused) {
                #expect(result.errorCode == 42, "\(rule.principal.prefix(20)) \(rule.host)")
                #expect(result.errorMessage?.contains(word) == true, "\(word)")
            }
            #expect(results.dropFirst(refused.count).allSatisfy { $0.errorCode == 0 })
        }
    }
}

extension RuleChangeTests {
    /// Each thread makes rules of its own while the others do: those who find one at work go on.
    @Test func `changes from several threads are all made, and all answered`() throws {
        var settings = AuthorizerSettings()
        settings.superUsers = ["User:root"]
        let harness = try APIHarness(authorizer: settings)
        let api = harness.api
        let client = ConnectionIdentity(number: 1, host: "10.0.0.1", isOwner: true)
        let answered = Atomic<Int>(0)
        let count = 64
        let bodies = try (0..<count).map {
            try CreateAclsRequest(creations: [creation("User:u\($0)")]).encoded(version: 3)
        }
        DispatchQueue.concurrentPerform(iterations: count) { index in
            let request = APIRequest(
                apiKey: 30,
                version: 3,
                clientID: nil,
                connection: client,
                body: bodies[index]
            )
            api.handle(request) { _ in answered.add(1, ordering: .relaxed) }
        }
        // Whoever did the last of them has returned.
        #expect(answered.load(ordering: .relaxed) == count)
        harness.client = client
        #expect(try delete([Self.anything], harness)[0].matchingAcls.count == count)
        try harness.close()
    }
}
