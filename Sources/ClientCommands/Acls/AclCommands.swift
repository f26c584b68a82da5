import BrokerAPI
import KafkaClient
import KafkaWire
import LogModel
import Telemetry
package import Terminal

/// `millrace acl …`: who may do what.
package enum AclCommands {
    package static let command = Command(
        "acl",
        summary: "list, add and remove rules of who may do what",
        examples: [.init("millrace acl list --topic orders", "the rules of one topic")],
        subcommands: [list, add, remove]
    )

    private static let execute = Parameter.flag("execute", help: "do it, and not only show it")

    private static let list = Command(
        "list",
        summary: "the rules, all or those of some words",
        discussion: "Those of a name are all that hold for it, also as rules of begins of names or "
            + "of every\nname; with --pattern only the ones of that very name. " + AclWords.where,
        parameters: AclWords.parameters + [GroupCommands.asJSON.declaration]
            + LogOption.parameters,
        examples: [
            .init("millrace acl list --allow User:alice", "what alice may do"),
            .init("millrace acl list --topic orders", "the rules that hold for a topic"),
        ]
    ) { invocation in
        try withRules(invocation) { log in
            let words = AclWords(invocation)
            let rules = try log.rules { words.concern($0) }
            guard invocation[GroupCommands.asJSON] else { return show(rules) }
            for rule in rules { TextOutput.standard.write(rule.json) }
        }
        return .done
    }

    private static let add = Command(
        "add",
        summary: "make rules",
        discussion: "One for each principal, resource and operation. " + AclWords.where,
        parameters: AclWords.parameters + LogOption.parameters,
        examples: [
            .init(
                "millrace acl add --allow User:alice --operation read --topic orders",
                "alice may read orders"
            )
        ]
    ) { invocation in
        let asked = try AclWords(invocation).rules()
        try withRules(invocation) { log in
            let known = try log.changing("the rules", .were, "made", advice: advice(log.place)) {
                cluster throws(KafkaClientError) in
                try cluster.rules(.all)
            }.filter { asked.contains($0) }
            // Each once, however often it is asked for.
            let rules = asked.indices.filter { index in
                !known.contains(asked[index]) && !asked[..<index].contains(asked[index])
            }.map { asked[$0] }
            if !known.isEmpty { tell(known: known.count) }
            guard !rules.isEmpty else { return }
            let refusals = try log.changing("the rules", .were, "made", advice: advice(log.place)) {
                cluster throws(KafkaClientError) in
                try cluster.make(rules: rules)
            }
            let made = zip(rules, refusals).filter { $0.1 == nil }.map(\.0)
            if !made.isEmpty {
                show(made)
                TextOutput.standard.write("made \(counted(made.count, "rule"))\n")
            }
            if let failure = log.failure(refusals) { throw failure }
        }
        return .done
    }

    private static func tell(known count: Int) {
        TextOutput.standard.write(
            count == 1 ? "1 rule was there before\n" : "\(count) rules were there before\n"
        )
    }

    private static let remove = Command(
        "remove",
        summary: "remove rules",
        discussion: "Shows what would go; --execute removes it. " + AclWords.where,
        parameters: [execute.declaration] + AclWords.parameters + LogOption.parameters,
        examples: [
            .init("millrace acl remove --allow User:alice", "show what would go"),
            .init("millrace acl remove --allow User:alice --execute", "remove it"),
        ]
    ) { invocation in
        let words = AclWords(invocation)
        guard !words.isEmpty else {
            throw UsageError("say which rules, such as --topic orders or --allow User:alice")
        }
        try withRules(invocation) { log in
            let rules = try log.rules { words.mean($0) }
            show(rules)
            guard invocation[execute] else {
                TextOutput.standard.write("nothing is changed; --execute removes them\n")
                return
            }
            try log.changing("the rules", .were, "removed", advice: advice(log.place)) {
                cluster throws(KafkaClientError) in
                try cluster.remove(rules: rules)
            }
            TextOutput.standard.write("removed \(counted(rules.count, "rule"))\n")
        }
        return .done
    }

    /// What is to be done where the server looks at no rules.
    fileprivate static func advice(_ place: LogPlace) -> [KafkaErrorCode: String] {
        guard place.directory == nil else {
            return [
                .securityDisabled:
                    "start it with --config authorizer.class.name=standard; rules of a directory "
                    + "can be made before that, while nothing has it open"
            ]
        }
        return [
            .securityDisabled:
                "give its configuration an authorizer.class.name: of a Kafka broker "
                + "org.apache.kafka.metadata.authorizer.StandardAuthorizer, of millrace serve "
                + "standard (--config)"
        ]
    }

    private static func show(_ rules: [CreateAclsRequest.AclCreation]) {
        var table = Table(
            ("PRINCIPAL", .left),
            ("HOST", .left),
            ("RULE", .left),
            ("OPERATION", .left),
            ("RESOURCE", .left),
            ("NAME", .left),
            ("PATTERN", .left)
        )
        for rule in rules {
            let words = rule.words
            table.add(
                rule.principal,
                rule.host,
                words.permission,
                words.operation,
                words.resource,
                rule.resourceName,
                words.pattern
            )
        }
        TextOutput.standard.write(table.text)
    }
}

extension CreateAclsRequest.AclCreation {
    /// What stands in it as numbers, by the words of the command line.
    fileprivate var words:
        (permission: String, operation: String, resource: String, pattern: String)
    {
        (
            permissionType == ACLPermission.allow.rawValue ? "allow" : "deny",
            ACLOperation(rawValue: operation)?.word ?? "\(operation)",
            ResourceType(rawValue: resourceType)?.word ?? "\(resourceType)",
            resourcePatternType == PatternType.prefixed.rawValue ? "prefixed" : "literal"
        )
    }

    fileprivate var json: String {
        let words = words
        return "{\"principal\":\(jsonString(principal)),\"host\":\(jsonString(host)),"
            + "\"permission\":\(jsonString(words.permission)),"
            + "\"operation\":\(jsonString(words.operation)),"
            + "\"resource_type\":\(jsonString(words.resource)),"
            + "\"name\":\(jsonString(resourceName)),"
            + "\"pattern\":\(jsonString(words.pattern))}\n"
    }
}

extension ServedLog {
    /// What is told of rules that were not made, each reason once; nil where all were.
    fileprivate func failure(_ refusals: [KafkaClientError?]) -> CommandFailure? {
        let errors = refusals.compactMap(\.self)
        guard let first = errors.first else { return nil }
        let verb = errors.count == 1 ? Verb.was : .were
        let subject =
            errors.count == refusals.count
            ? "the rules" : "\(errors.count) of \(counted(refusals.count, "rule"))"
        var failure = Self.changeFailure(
            subject,
            errors.count == refusals.count ? .were : verb,
            "made",
            place,
            errors.first(where: \.isUncertain) ?? first
        )
        var reasons: [String] = []
        for error in errors where !reasons.contains("\(error)") { reasons.append("\(error)") }
        failure.reason = reasons.joined(separator: "; ")
        failure.next = first.code.flatMap { AclCommands.advice(place)[$0] } ?? failure.next
        return failure
    }

    fileprivate func rules(
        where isMeant: (CreateAclsRequest.AclCreation) -> Bool
    ) throws(CommandFailure) -> [CreateAclsRequest.AclCreation] {
        try asking("the rules are not told", advice: AclCommands.advice(place)) {
            cluster throws(KafkaClientError) in
            try cluster.rules(.all)
        }.filter(isMeant)
    }
}

extension DescribeAclsRequest {
    fileprivate static let all: DescribeAclsRequest = {
        let anything: Int8 = 1
        return DescribeAclsRequest(
            resourceTypeFilter: anything,
            resourceNameFilter: nil,
            patternTypeFilter: anything,
            principalFilter: nil,
            hostFilter: nil,
            operation: anything,
            permissionType: anything
        )
    }()
}
