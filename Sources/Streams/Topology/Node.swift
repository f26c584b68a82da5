public import LogModel

/// A node of a job's graph while it is declared: what it is, where its records come from, and how
/// to bind it to a task. The graph is built once per start, then only read.
public class AnyNode {
    let kind: OperatorKind
    @usableFromInline let parents: [AnyNode]
    /// Registers this node's way of being called with its parents. Called once, by the topology.
    @usableFromInline var attach: () -> Void = {}
    /// For the source behind a repartition topic: the node that writes to that topic.
    @usableFromInline var upstreamSink: AnyNode?
    /// Whether something behind this table asks for the value that a change replaces.
    @usableFromInline var sendsOldValues = false
    /// The operator's number in its topology, set when that is made.
    @usableFromInline var number = 0
    /// What becomes of records that it cannot handle; nil for the job's policy.
    @usableFromInline var errorPolicy: ErrorPolicy?
    /// Operators that it is made of: its policy is theirs too.
    @usableFromInline var parts: [AnyNode] = []
    /// Operators in front of it that are part of what follows it.
    @usableFromInline var partsOfNext: [AnyNode] = []
    /// Where it does nothing that can fail: what to tell who gives it a policy.
    @usableFromInline var policyRefusal: String?
    /// Whether it hands results on when another record is at hand.
    @usableFromInline var holdsRecords = false
    /// For a source: where the keys are kept whose records follow a dead letter.
    var heldKeysStore: StoreSpecification?
    /// The tables whose old values this one's are made of.
    @usableFromInline var oldValueSources: [AnyNode] = []
    /// Whether this table's rows are made of what changes of those tables replace.
    @usableFromInline var rowsNeedOldValues = false
    /// For a table whose rows nobody can look up: what to tell who asks for them.
    @usableFromInline var rowlessReason: String?
    /// Whether something behind this table looks its rows up.
    private(set) var rowsAreWanted = false

    @usableFromInline
    init(kind: OperatorKind, parents: [AnyNode]) {
        self.kind = kind
        self.parents = parents
    }

    /// This node and all in front of it in its sub-topology, and the stores that they keep. Asked
    /// once the nodes have their numbers.
    @usableFromInline var upstream: Upstream {
        var found = Upstream()
        func visit(_ node: AnyNode) {
            guard found.nodes.insert(node.number).inserted else { return }
            found.stores.formUnion(node.kind.stores.map(\.name))
            for parent in node.parents { visit(parent) }
        }
        visit(self)
        return found
    }

    /// Nodes by their numbers, and stores by the user's names.
    @usableFromInline
    struct Upstream {
        var nodes: Set<Int> = []
        var stores: Set<String> = []
    }

    /// Puts the operator's policy for errors around what takes its records in a task.
    @inlinable
    final func guarding<Key, Value>(
        _ task: TaskBinding,
        _ receive: @escaping (Key, Value) throws -> Void
    ) -> (Key, Value) throws -> Void {
        let errors = task.errors
        let number = number
        return { key, value in
            do { try receive(key, value) } catch { try errors.settle(error, at: number) }
        }
    }

    /// Makes this table, and those that its old values are made of, hand on what a change
    /// replaces. Before the first record.
    @usableFromInline
    func requestOldValues() {
        guard !sendsOldValues else { return }
        sendsOldValues = true
        for source in oldValueSources { source.requestOldValues() }
    }

    /// Takes note that something behind this table looks its rows up.
    @usableFromInline
    func requestRows() {
        guard !rowsAreWanted else { return }
        rowsAreWanted = true
        for source in oldValueSources {
            source.requestRows()
            if rowsNeedOldValues { source.requestOldValues() }
        }
    }

    /// Whether this table's rows can be looked up, and what a change replaces be told.
    @usableFromInline var hasRows: Bool {
        rowlessReason == nil && oldValueSources.allSatisfy(\.hasRows)
    }
}

/// What an operator is, with the names that its owner gave it.
public enum OperatorKind: Sendable, Equatable, Codable {
    /// Reads a topic.
    case source(topic: String, key: String, value: String)
    /// Reads a repartition topic of the job; `via` is the user's name for it.
    case repartitionSource(via: String)
    /// Reads a whole topic in every task, kept in a store.
    case globalTable(topic: String, key: String, value: String, store: String)
    /// Any operator without a name, a topic or a store: `map`, `filter`, …
    case stateless(String)
    /// An operator that keeps stores: `count`, `reduce`, `aggregate`, `table`, a join.
    case stateful(String, stores: [StoreSpecification])
    /// Writes to a topic.
    case sink(topic: String, key: String, value: String)
    /// Writes to a topic that each record chooses; the topics that it names beforehand.
    case dynamicSink(topics: [String], key: String, value: String)
    /// Writes to a repartition topic of the job; a nil count means as many as the widest source.
    case repartitionSink(via: String, format: RecordFormat, partitionCount: Int32?)

    /// The stores that it keeps.
    var stores: [StoreSpecification] {
        switch self {
        case .stateful(_, let stores): stores
        case .source, .repartitionSource, .globalTable, .stateless, .sink, .repartitionSink,
            .dynamicSink:
            []
        }
    }

    /// The word for it in a description.
    public var word: String {
        switch self {
        case .source: "source"
        case .repartitionSource: "source"
        case .globalTable: "globalTable"
        case .stateless(let word): word
        case .stateful(let word, _): word
        case .sink, .dynamicSink: "sink"
        case .repartitionSink: "repartition"
        }
    }
}

/// What takes the records of a node in one task.
///
/// Swift calls a function that lies in an array, or that a generic function gave back, through
/// another one that converts its arguments: with every record. One in a struct it calls as it is.
@usableFromInline
struct NodeSink<Key, Value> {
    @usableFromInline let receive: (Key, Value) throws -> Void

    @inlinable
    init(_ receive: @escaping (Key, Value) throws -> Void) { self.receive = receive }
}

/// One who follows a node: makes, for a task, what takes the node's records.
@usableFromInline
struct NodeConsumer<Key, Value> {
    @usableFromInline let bind: (TaskBinding) -> (Key, Value) throws -> Void

    @inlinable
    init(_ bind: @escaping (TaskBinding) -> (Key, Value) throws -> Void) { self.bind = bind }
}

/// A node that hands records of these types on to whoever follows it.
public final class StreamNode<Key, Value>: AnyNode {
    /// What a record is given to.
    public typealias Sink = (Key, Value) throws -> Void

    @usableFromInline var consumers: [NodeConsumer<Key, Value>] = []
    /// Set for sources: binds the decoder of raw records in front of the consumers.
    @usableFromInline var bindSource: ((TaskBinding) -> RawSink)?
    /// Set for sources with a timestamp extractor: binds what tells the time of a raw record.
    @usableFromInline var bindTime: ((TaskBinding) -> RawTime)?

    @inlinable
    init(kind: OperatorKind, parents: [AnyNode], _ type: (Key, Value).Type = (Key, Value).self) {
        super.init(kind: kind, parents: parents)
    }

    /// An operator behind one node. `bind` makes, for one task, the function that handles a
    /// record, out of the one that takes the results.
    @inlinable
    convenience init<InKey, InValue>(
        kind: OperatorKind,
        from upstream: StreamNode<InKey, InValue>,
        bind: @escaping (@escaping Sink, TaskBinding) -> (InKey, InValue) throws -> Void
    ) {
        self.init(kind: kind, parents: [upstream])
        attach = { [unowned self] in
            upstream.feed(self) { task in bind(self.bindConsumers(task), task) }
        }
    }

    /// An operator that hands errors to its site itself: for those of a few instructions, where one
    /// more call a record would show.
    @inlinable
    convenience init<InKey, InValue>(
        kind: OperatorKind,
        from upstream: StreamNode<InKey, InValue>,
        bind:
            @escaping (@escaping Sink, TaskBinding, ErrorSite) -> (InKey, InValue) throws -> Void
    ) {
        self.init(kind: kind, parents: [upstream])
        attach = { [unowned self] in
            upstream.add { task in
                bind(self.bindConsumers(task), task, ErrorSite(task.errors, node: self.number))
            }
        }
    }

    /// Gives the records of this node to another one by what `bind` makes for a task; an error of
    /// it is that one's.
    @inlinable
    func feed(_ consumer: AnyNode, _ bind: @escaping (TaskBinding) -> Sink) {
        add { [unowned consumer] task in consumer.guarding(task, bind(task)) }
    }

    /// Gives the records of this node to what `bind` makes for a task; errors of it are not looked
    /// at here.
    @inlinable
    func add(_ bind: @escaping (TaskBinding) -> Sink) { consumers.append(NodeConsumer(bind)) }

    /// One function that gives a record to every consumer, in the order of their declaration. A
    /// task has one of it, however many ways lead here.
    @inlinable
    func bindConsumers(_ task: TaskBinding) -> Sink {
        let shared = task.shared(of: self) { () -> NodeSink<Key, Value> in
            let sinks = consumers.map { NodeSink($0.bind(task)) }
            switch sinks.count {
            case 0: return NodeSink { _, _ in }
            case 1: return sinks[0]
            default:
                return NodeSink { key, value in
                    for sink in sinks { try sink.receive(key, value) }
                }
            }
        }
        return shared.receive
    }
}

/// What the task gives a raw record to: null or bytes of key and value.
public typealias RawSink = (UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) throws -> Void

/// Tells the time of a raw record that has a timestamp in its topic.
public typealias RawTime = (
    UnsafeRawBufferPointer?, UnsafeRawBufferPointer?, Timestamp
) throws -> Timestamp

/// A source as the topology finds it, without its types.
protocol SourceNode: AnyNode {
    var bindSource: ((TaskBinding) -> RawSink)? { get }
    var bindTime: ((TaskBinding) -> RawTime)? { get }
}

extension StreamNode: SourceNode {}
