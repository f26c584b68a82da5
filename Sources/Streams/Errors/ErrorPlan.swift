/// What a topology does about errors, as plain data: for each operator its policy and its name.
public struct ErrorPlan: Sendable {
    /// By the operators' numbers.
    private(set) var policies: [ErrorPolicy]
    let kinds: [ErrorKind]
    let operatorNames: [String]
    let job: String
    /// The stores of held keys by the source topics whose keys may be held.
    let holdStores: [String: String]
    /// Whether an operator hands results on when another record is at hand.
    private let holdsRecords: Bool

    init(_ specification: TopologySpecification, nodes: [AnyNode], defaults: ErrorPolicies) {
        job = specification.job
        kinds = nodes.map { Self.kind(of: $0.kind) }
        policies = nodes.map { Self.policy(of: $0, defaults) }
        operatorNames = specification.operators.map { item in
            "operator \(item.id), \(specification.label(of: item.kind))"
        }
        holdsRecords = nodes.contains(where: \.holdsRecords)
        var stores: [String: String] = [:]
        for (node, item) in zip(nodes, specification.operators) {
            guard let store = node.heldKeysStore,
                let topic = specification.inputTopic(of: item.kind)
            else { continue }
            stores[topic] = store.name
        }
        holdStores = stores
    }

    /// Whether some record error does not simply stop the job, or a record's place is to be known
    /// when another one is at hand.
    var isNeeded: Bool { holdsRecords || policies.contains { $0 != .fail } }

    /// Whether some record may be tried again.
    var mayRetry: Bool { policies.contains { $0.retry != nil } }

    /// The plan with another policy for records that cannot be read.
    package func decoding(_ policy: ErrorPolicy) -> ErrorPlan {
        var plan = self
        for index in kinds.indices where kinds[index] == .decode { plan.policies[index] = policy }
        return plan
    }

    /// Whether records of a global table that cannot be read are left out; every other policy stops
    /// the job there, for they belong to no transaction.
    package func skipsUnreadable(in table: GlobalTableSource) -> Bool {
        policies[table.number].action == .skip
    }

    static func kind(of kind: OperatorKind) -> ErrorKind {
        switch kind {
        case .source, .repartitionSource, .globalTable: .decode
        case .stateless, .stateful: .process
        case .sink, .repartitionSink, .dynamicSink: .produce
        }
    }

    static func policy(of node: AnyNode, _ defaults: ErrorPolicies) -> ErrorPolicy {
        if let policy = node.errorPolicy { return policy }
        return switch kind(of: node.kind) {
        case .decode: defaults.decode
        case .process: defaults.process
        case .produce: defaults.produce
        }
    }

    /// Gives an operator's policy to what it is made of, and refuses one that would do nothing.
    static func placePolicies(_ nodes: [AnyNode]) throws(TopologyError) {
        for node in nodes {
            if let node = node as? GlobalTableNode { try checkPolicy(of: node) }
            guard let policy = node.errorPolicy else { continue }
            if let refusal = node.policyRefusal { throw TopologyError(refusal) }
            for part in node.parts + node.parents.flatMap(\.partsOfNext) {
                if let other = part.errorPolicy, other != policy {
                    throw TopologyError(
                        "two operators behind one groupBy have different policies for errors "
                            + "(onError), and what makes the keys can have one only: give both "
                            + "the same, or each a groupBy of its own"
                    )
                }
                part.errorPolicy = policy
            }
        }
    }

    /// A global table's records belong to no transaction: none can be a dead letter, or wait. The
    /// job's policy is for its streams first, and stops the job here.
    private static func checkPolicy(of node: GlobalTableNode) throws(TopologyError) {
        guard let policy = node.errorPolicy, policy != .fail, policy != .skip,
            case .globalTable(let topic, _, _, let store) = node.kind
        else { return }
        throw TopologyError(
            "records of the global table \"\(store)\" (topic \(topic)) that cannot be read can "
                + "only stop the job or be left out, for they belong to no transaction: the "
                + "table's own policy has dead letters or retries; give it .onError(.skip) or "
                + ".onError(.fail)"
        )
    }

    /// Gives the sources before an operator that holds keys a store for them.
    static func placeHoldStores(_ nodes: [AnyNode], _ defaults: ErrorPolicies) {
        var sources: [ObjectIdentifier: AnyNode] = [:]
        func visit(_ node: AnyNode) {
            guard sources.updateValue(node, forKey: ObjectIdentifier(node)) == nil else { return }
            for parent in node.parents { visit(parent) }
        }
        for node in nodes where policy(of: node, defaults).holdsKeys { visit(node) }
        for node in sources.values {
            switch node.kind {
            case .source(let name, _, _), .repartitionSource(let name):
                node.heldKeysStore = .heldKeys(of: name)
            case .globalTable, .stateless, .stateful, .sink, .repartitionSink, .dynamicSink:
                continue
            }
        }
    }

    /// The topics of dead letters that the policies name, sorted.
    static func deadLetterTopics(
        of nodes: [AnyNode],
        _ defaults: ErrorPolicies,
        names: InternalNames
    ) -> [String] {
        let topics = nodes.compactMap { node -> String? in
            guard case .deadLetter(let topic, _) = policy(of: node, defaults).action else {
                return nil
            }
            return topic ?? names.deadLetterTopic
        }
        return Set(topics).sorted()
    }
}
