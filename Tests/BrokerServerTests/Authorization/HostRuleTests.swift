import Broker
import BrokerAPI
import BrokerServer
import KafkaWire
import Testing

/// Rules by the address of a client, however it and the listener write that.
struct HostRuleTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::FFFF:7f00:1", "127.0.0.1"), ("::1", "0:0:0:0:0:0:0:1"),
        ("0:0:0:0:0:0:0:1", "0:0:0:0:0:0:0:1"), ("2001:DB8::00a0", "2001:db8:0:0:0:0:0:a0"),
        ("*", "*"), ("localhost", "localhost"), ("10.0.0.0/8", "10.0.0.0/8"), ("", ""),
        ("010.0.0.1", "010.0.0.1"), ("::1\0", "::1\0"),
    ])
    func `an address has one spelling, Java's`(text: String, spelling: String) {
        #expect(HostAddress.spelling(text) == spelling)
    }

    @Test func `a rule by host holds for every spelling of the address`() {
        for (rule, client) in [
            ("127.0.0.1", "::ffff:127.0.0.1"), ("::ffff:10.1.2.3", "10.1.2.3"),
            ("::1", "0:0:0:0:0:0:0:1"), ("0:0:0:0:0:0:0:1", "::1"),
            ("2001:db8::A0", "2001:db8:0::a0"),
        ] {
            let authorizer = Authorizer(rules: [
                ACLBinding(.allow, "User:*", .read, on: .topic, "t"),
                ACLBinding(.deny, "User:*", .read, on: .topic, "t", host: rule),
            ])
            func isAllowed(from host: String) -> Bool {
                let caller = Authorizer.Caller(principal: "User:a", host: host)
                return authorizer.allows(.read, on: .topic, "t", by: caller)
            }
            #expect(!isAllowed(from: client), "\(rule) \(client)")
            #expect(isAllowed(from: "10.9.9.9"))
        }
    }

    @Test func `a rule is listed and removed by any spelling of its host`() throws {
        var settings = AuthorizerSettings()
        settings.superUsers = ["User:root"]
        let harness = try APIHarness(authorizer: settings)
        harness.client = ConnectionIdentity(number: 1, host: "h", principal: "User:root")
        let made: CreateAclsResponse = try harness.ask(
            CreateAclsRequest(creations: [
                .init(
                    resourceType: ResourceType.topic.rawValue,
                    resourceName: "t",
                    resourcePatternType: PatternType.literal.rawValue,
                    principal: "User:a",
                    host: "::1",
                    operation: ACLOperation.read.rawValue,
                    permissionType: ACLPermission.allow.rawValue
                )
            ]),
            30,
            3
        )
        #expect(made.results.map(\.errorCode) == [0])
        let removed: DeleteAclsResponse = try harness.ask(
            DeleteAclsRequest(filters: [
                .init(
                    resourceTypeFilter: 1,
                    resourceNameFilter: nil,
                    patternTypeFilter: 1,
                    principalFilter: nil,
                    hostFilter: "0::1",
                    operation: 1,
                    permissionType: 1
                )
            ]),
            31,
            3
        )
        #expect(removed.filterResults.first?.matchingAcls.map(\.host) == ["0:0:0:0:0:0:0:1"])
        try harness.close()
    }

    /// A machine without IPv6 has no such listener.
    @Test func `on a listener of both families IPv4 clients have IPv4 addresses`() throws {
        let harness: ServerHarness
        do { harness = try ServerHarness(host: "::") } catch is ServerError {
            print("skipped: this machine listens on no IPv6 address")
            return
        }
        let client = try RawClient(port: harness.server.address.port)
        #expect(try client.node().host == "127.0.0.1")
        try harness.stop()
    }
}
