/// What one conversation has named. The others were held with the same broker, which tells of their
/// topics and groups where everything is asked for.
struct TraceScope {
    private static let naming: Set<String> = [
        "name", "topic", "topics", "groupId", "groupIds", "groups", "groupsNames",
        "transactionalId",
        "transactionalIds", "v3AndBelowTransactionalId", "topicNames", "subscribedTopicNames",
    ]
    private static let shared: Set<String> = ["__consumer_offsets", "__transaction_state"]
    private static let topicResource = JSON.integer(2)
    private static let groupResource = JSON.integer(32)

    private var names = shared

    init(_ steps: [TraceStep]) {
        for case .send(let request) in steps.map(\.action) { add(request.json) }
    }

    private mutating func add(_ json: JSON, under name: String = "") {
        switch json {
        case .object(let members): for (name, value) in members { add(value, under: name) }
        case .array(let values): for value in values { add(value, under: name) }
        case .string(let text): if Self.naming.contains(name) { names.insert(text) }
        case .null, .boolean, .integer, .double: break
        }
    }

    /// The part of an answer that is of this conversation, where everything was asked for.
    func restricted(_ answer: JSON, to request: TraceRequest) -> JSON {
        switch request.name {
        case "ListGroups": answer.filtered("groups") { isOwn($0["groupId"]) }
        case "ListTransactions":
            answer.filtered("transactionStates") { isOwn($0["transactionalId"]) }
        case "Metadata" where Self.asksForAll(request):
            answer.filtered("topics") { isOwn($0["name"]) }
        case "DescribeLogDirs" where request.json["topics"] == .null:
            answer.mapped("results") { $0.filtered("topics") { isOwn($0["name"]) } }
        case "ListConfigResources":
            answer.filtered("configResources") { resource in
                let type = resource["resourceType"]
                return type != Self.topicResource && type != Self.groupResource
                    || isOwn(resource["resourceName"])
            }
        default: answer
        }
    }

    private static func asksForAll(_ request: TraceRequest) -> Bool {
        request.json["topics"] == .null
            || request.version == 0 && request.json["topics"] == .array([])
    }

    private func isOwn(_ name: JSON?) -> Bool {
        guard case .string(let text)? = name else { return false }
        return names.contains(text)
    }
}

extension JSON {
    /// The same with some of the entries of a member.
    fileprivate func filtered(_ name: String, _ isKept: (JSON) -> Bool) -> JSON {
        guard case .object(var members) = self, case .array(let values)? = members[name] else {
            return self
        }
        members[name] = .array(values.filter(isKept))
        return .object(members)
    }

    /// The same with other entries in a member.
    fileprivate func mapped(_ name: String, _ change: (JSON) -> JSON) -> JSON {
        guard case .object(var members) = self, case .array(let values)? = members[name] else {
            return self
        }
        members[name] = .array(values.map(change))
        return .object(members)
    }
}
