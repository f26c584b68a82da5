/// A job's topology, checked and numbered: the graph to bind, and its description as plain data.
public final class Topology {
    /// The job's name.
    public let job: String
    /// The topology as data: what `describe` shows and `plan` compares.
    public let specification: TopologySpecification
    /// What becomes of records that an operator cannot handle.
    public let errors: ErrorPlan
    let nodes: [AnyNode]
    private let sources: [String: any SourceNode]

    /// Collects, checks and numbers the graph of a job.
    ///
    /// - Throws: `TopologyError` for names that are missing, used twice, or not allowed.
    public convenience init<Job: StreamJob>(of job: Job) throws(TopologyError) {
        try self.init(job: Job.name, statements: job.topology, errors: job.errorPolicies)
    }

    /// The topology of these statements under a job's name.
    public init(
        job: String,
        statements: [Statement],
        errors: ErrorPolicies = ErrorPolicies()
    ) throws(TopologyError) {
        guard !statements.isEmpty else { throw TopologyError("the topology is empty") }
        let nodes = Self.collect(statements)
        for (number, node) in nodes.enumerated() {
            node.number = number
            node.attach()
        }
        for node in nodes where node.sendsOldValues || node.rowsAreWanted {
            if let reason = node.rowlessReason { throw TopologyError(reason) }
        }
        try ErrorPlan.placePolicies(nodes)
        ErrorPlan.placeHoldStores(nodes, errors)
        let specification = try TopologySpecification(job: job, nodes: nodes, errors: errors)
        var sources: [String: any SourceNode] = [:]
        for node in nodes {
            guard let topic = specification.inputTopic(of: node.kind) else { continue }
            guard let source = node as? any SourceNode, sources[topic] == nil else {
                throw TopologyError(
                    "the topic \(topic) is read by two sources; declare one and use it twice: a "
                        + "table's changes as a stream are table.toStream(), a stream's newest "
                        + "values as a table are stream.toTable(store:key:value:)"
                )
            }
            sources[topic] = source
        }
        self.job = job
        self.nodes = nodes
        self.specification = specification
        self.sources = sources
        self.errors = ErrorPlan(specification, nodes: nodes, defaults: errors)
    }

    /// Binds the source of a topic, and everything behind it, to a task.
    public func bindSource(topic: String, to task: TaskBinding) -> RawSink {
        guard let source = sources[topic], let bind = source.bindSource else {
            fatalError("no source reads \(topic)")
        }
        return task.errors.watching(bind(task), of: source.number, topic: topic)
    }

    /// What hands on the records in flight of a task that did not come from a topic; nil where
    /// there never are any. To be asked once all sources are bound.
    package func finisher(beside topic: String, in task: TaskBinding) -> (() throws -> Void)? {
        sources[topic].flatMap { task.hooks.finisher(beside: $0) }
    }

    /// The global tables, which every stream thread keeps up to their topics.
    public var globalTables: [GlobalTableSource] {
        nodes.compactMap { node in
            guard let node = node as? GlobalTableNode,
                case .globalTable(let topic, _, _, let store) = node.kind
            else { return nil }
            return GlobalTableSource(
                topic: topic,
                store: store,
                number: node.number,
                check: node.check
            )
        }
    }

    /// Binds what tells the times of a topic's records to a task; nil where it is the timestamp
    /// that a record has in its topic.
    public func bindTime(topic: String, to task: TaskBinding) -> RawTime? {
        sources[topic]?.bindTime?(task)
    }

    /// Every node that leads to a statement's end, sources first, in the order of declaration.
    private static func collect(_ statements: [Statement]) -> [AnyNode] {
        var nodes: [AnyNode] = []
        var seen: Set<ObjectIdentifier> = []
        func visit(_ node: AnyNode) {
            guard seen.insert(ObjectIdentifier(node)).inserted else { return }
            if let sink = node.upstreamSink { visit(sink) }
            for parent in node.parents { visit(parent) }
            nodes.append(node)
        }
        for statement in statements { visit(statement.end) }
        return nodes
    }
}

/// The topic of a global table, the store it is kept in, and its serdes.
public struct GlobalTableSource {
    /// The topic.
    public let topic: String
    /// The store's name, as the user gave it.
    public let store: String
    /// The operator's number.
    let number: Int
    /// Throws a `DecodeFailure` for the key and value of a record that the serdes refuse.
    public let check: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws -> Void
}

/// Why a topology cannot run.
public struct TopologyError: Error, Equatable, CustomStringConvertible, Sendable {
    /// What is wrong and what to do.
    public let message: String
    /// An error with this message.
    public init(_ message: String) { self.message = message }
    /// The message.
    public var description: String { message }
}
