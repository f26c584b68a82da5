import Coordination
import BrokerAPI
import Foundation
import MillraceTestKit
import Testing

/// Decisions against an oracle that reads every rule, and does not know how they are kept.
struct AuthorizerTests {
    private static let principals = ["User:a", "User:b", "User:*", "Group:a", "User:root"]
    private static let hosts = ["*", "10.0.0.1", "10.0.0.2"]
    private static let names = ["*", "a", "ab", "abc", "b", "ba", "é", "e\u{301}", "kafka-cluster"]
    private static let types: [ResourceType] = [.topic, .group, .cluster, .transactionalID]

    private static func oracle(
        _ rules: [ACLBinding],
        _ operation: ACLOperation,
        _ type: ResourceType,
        _ name: String,
        _ principal: String,
        _ host: String,
        openWhereUnlisted: Bool
    ) -> Bool {
        if principal == "User:root" { return true }
        let ofResource = rules.filter { rule in
            guard rule.type == type else { return false }
            let own = Array(rule.name.text.utf8)
            switch rule.pattern {
            case .literal: return own == Array(name.utf8) || rule.name.text == "*"
            case .prefixed: return Array(name.utf8.prefix(own.count)) == own
            }
        }
        if ofResource.isEmpty { return openWhereUnlisted }
        let ofCaller = ofResource.filter { rule in
            ["User:*", principal].contains(rule.principal.text)
                && ["*", host].contains(rule.host.text)
        }
        let isDenied = ofCaller.contains {
            $0.permission == .deny && [.all, operation].contains($0.operation)
        }
        if isDenied { return false }
        var sufficient: Set<ACLOperation> = [.all, operation]
        if operation == .describe { sufficient.formUnion([.read, .write, .delete, .alter]) }
        if operation == .describeConfigs { sufficient.insert(.alterConfigs) }
        return ofCaller.contains {
            $0.permission == .allow && sufficient.contains($0.operation)
        }
    }

    private static func randomRule(_ random: inout SeededGenerator) -> ACLBinding {
        ACLBinding(
            random.oneIn(3) ? .deny : .allow,
            principals[random.below(4)],
            ACLOperation.allCases[random.below(ACLOperation.allCases.count)],
            on: types[random.below(types.count)],
            names[random.below(names.count)],
            pattern: random.oneIn(2) ? .prefixed : .literal,
            host: hosts[random.below(hosts.count)]
        )
    }

    @Test func `decisions are those of one who reads every rule`() {
        let scale = ProcessInfo.processInfo.environment["MILLRACE_SCALE"].flatMap { Int($0) } ?? 1
        let seed: UInt64 = 0x2013_0131
        var outcomes: [Bool: Int] = [:]
        for number in 0..<(400 * scale) {
            var random = SeededGenerator(seed: seed, case: number)
            let isOpen = random.oneIn(4)
            var authorizer = Authorizer(superUsers: ["User:root"], allowsUnlisted: isOpen)
            var rules: [ACLBinding] = []
            for _ in 0..<random.below(40) {
                let rule = Self.randomRule(&random)
                authorizer.add(rule)
                if !rules.contains(rule) { rules.append(rule) }
                // What is removed takes nothing else with it.
                if random.oneIn(4) {
                    authorizer.remove(rules.remove(at: random.below(rules.count)))
                }
            }
            for _ in 0..<50 {
                let operation = ACLOperation.allCases[random.below(ACLOperation.allCases.count)]
                let type = Self.types[random.below(Self.types.count)]
                let name = Self.names[random.below(Self.names.count)]
                let principal = Self.principals[random.below(Self.principals.count)]
                let host = Self.hosts[1 + random.below(2)]
                let expected = Self.oracle(
                    rules,
                    operation,
                    type,
                    name,
                    principal,
                    host,
                    openWhereUnlisted: isOpen
                )
                let caller = Authorizer.Caller(principal: principal, host: host)
                let found = authorizer.allows(operation, on: type, name, by: caller)
                outcomes[found, default: 0] += 1
                #expect(
                    found == expected,
                    "seed \(seed), case \(number): \(principal) \(operation) \(type) \(name)"
                )
            }
        }
        // Neither outcome is a rare one.
        #expect((outcomes[true] ?? 0) > 2_000 && (outcomes[false] ?? 0) > 2_000, "\(outcomes)")
    }

    @Test func `a removed rule leaves the others of its resource`() {
        let deny = ACLBinding(.deny, "User:a", .write, on: .topic, "t")
        let allow = ACLBinding(.allow, "User:*", .all, on: .topic, "t", pattern: .prefixed)
        let other = ACLBinding(.allow, "User:b", .read, on: .topic, "t", pattern: .prefixed)
        var authorizer = Authorizer(rules: [deny, allow, other])
        let caller = Authorizer.Caller(principal: "User:a", host: "h")
        authorizer.remove(other)
        #expect(!authorizer.allows(.write, on: .topic, "t", by: caller))
        #expect(authorizer.allows(.read, on: .topic, "t1", by: caller))
        authorizer.remove(allow)
        #expect(!authorizer.allows(.read, on: .topic, "t1", by: caller))
        authorizer.remove(deny)
        #expect(authorizer.rules.isEmpty)
    }

    @Test func `names that look the same are not the same`() {
        let rule = ACLBinding(.allow, "User:a", .read, on: .topic, "\u{e9}")
        let authorizer = Authorizer(rules: [rule])
        let caller = Authorizer.Caller(principal: "User:a", host: "h")
        #expect(authorizer.allows(.read, on: .topic, "\u{e9}", by: caller))
        #expect(!authorizer.allows(.read, on: .topic, "e\u{301}", by: caller))
    }

    @Test func `leave for any topic is the leave for one that no prohibition covers`() {
        let caller = Authorizer.Caller(principal: "User:a", host: "h")
        let allow = ACLBinding(.allow, "User:a", .write, on: .topic, "t")
        #expect(Authorizer(rules: [allow]).allowsAny(.write, on: .topic, by: caller))
        #expect(!Authorizer(rules: [allow]).allowsAny(.read, on: .topic, by: caller))
        let covers: [ACLBinding] = [
            ACLBinding(.deny, "User:*", .write, on: .topic, "*"),
            ACLBinding(.deny, "User:a", .all, on: .topic, "t"),
            ACLBinding(.deny, "User:a", .write, on: .topic, "t", pattern: .prefixed),
        ]
        for cover in covers {
            #expect(!Authorizer(rules: [allow, cover]).allowsAny(.write, on: .topic, by: caller))
        }
        // A topic that no rule names is free for all, whatever holds for others.
        let read = ACLBinding(.allow, "User:a", .read, on: .topic, "t")
        let denied = ACLBinding(.deny, "User:a", .write, on: .topic, "t")
        for rules in [[], [allow], [read], [denied], [allow, denied]] {
            let open = Authorizer(allowsUnlisted: true, rules: rules)
            #expect(open.allowsAny(.write, on: .topic, by: caller), "\(rules)")
        }
        let all = ACLBinding(.deny, "User:*", .write, on: .topic, "*")
        #expect(
            !Authorizer(allowsUnlisted: true, rules: [all])
                .allowsAny(.write, on: .topic, by: caller)
        )
        let aside = ACLBinding(.deny, "User:a", .write, on: .topic, "ta", pattern: .prefixed)
        #expect(Authorizer(rules: [allow, aside]).allowsAny(.write, on: .topic, by: caller))
    }
}
