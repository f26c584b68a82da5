public import LogModel
public import StateStores

/// What the operators of one task are bound to: the current record, the output, the stores.
/// Everything that changes per record lies behind stable pointers.
public final class TaskBinding {
    /// The record being processed.
    public let record: UnsafeMutablePointer<RecordContext>
    /// The thread's output.
    public let output: UnsafeMutablePointer<OutputBuffer>
    /// Counters of the task.
    public let counters: UnsafeMutablePointer<TaskCounters>
    /// Where keys and values are encoded, one after the other.
    @usableFromInline let keySink: UnsafeMutablePointer<ByteSink>
    @usableFromInline let valueSink: UnsafeMutablePointer<ByteSink>
    /// The task's partition.
    public let partition: PartitionIndex

    /// What operators do beside records.
    public let hooks: TaskHooks
    /// What becomes of records that an operator cannot handle.
    @usableFromInline private(set) lazy var errors = TaskErrors(self, plan: errorPlan)
    /// The tables whose rows end.
    public private(set) lazy var expiry = TaskExpiry(self)

    private let partitionCounts: [String: Int32]
    private let stores: [String: StateStore]
    private let names: InternalNames
    private let errorPlan: ErrorPlan
    private let lookUpTopic: (String) throws -> Int32?
    /// Whether the job is to stop: nobody waits any longer than he must.
    let isStopping: () -> Bool
    /// Says a sentence to whoever runs the job.
    let tell: (String) -> Void
    /// What several ways to one node share while the task is bound.
    private var instances: [ObjectIdentifier: Any] = [:]
    /// The stores that processors have opened while the task is bound, by name.
    private var openedStores: [String: AnyObject] = [:]
    /// The largest time seen in each input.
    private var partitionTimes: [String: UnsafeMutablePointer<Timestamp>] = [:]

    /// A binding for one task.
    ///
    /// - Parameters:
    ///   - partitionCounts: of every topic that the task writes to.
    ///   - stores: the task's stores by the user's name.
    ///   - errors: what becomes of records that an operator cannot handle.
    ///   - isStopping: whether the job is to stop.
    ///   - tell: gets a sentence about what the task waits for.
    ///   - lookUpTopic: the partitions of a topic that the plan did not know; nil if there is none.
    public init(
        partition: PartitionIndex,
        output: UnsafeMutablePointer<OutputBuffer>,
        partitionCounts: [String: Int32],
        stores: [String: StateStore],
        names: InternalNames,
        errors: ErrorPlan,
        isStopping: @escaping () -> Bool,
        tell: @escaping (String) -> Void,
        lookUpTopic: @escaping (String) throws -> Int32?
    ) {
        self.partition = partition
        self.output = output
        self.partitionCounts = partitionCounts
        self.stores = stores
        self.names = names
        errorPlan = errors
        self.isStopping = isStopping
        self.tell = tell
        self.lookUpTopic = lookUpTopic
        record = .allocate(capacity: 1)
        record.initialize(to: RecordContext(partition: partition))
        hooks = TaskHooks(record: record)
        counters = .allocate(capacity: 1)
        counters.initialize(to: TaskCounters())
        keySink = .allocate(capacity: 1)
        keySink.initialize(to: ByteSink())
        valueSink = .allocate(capacity: 1)
        valueSink.initialize(to: ByteSink())
    }

    deinit {
        record.deinitialize(count: 1)
        record.deallocate()
        counters.deinitialize(count: 1)
        counters.deallocate()
        keySink.deinitialize(count: 1)
        keySink.deallocate()
        valueSink.deinitialize(count: 1)
        valueSink.deallocate()
        for time in partitionTimes.values { time.deallocate() }
    }

    /// What a node has once in a task, made at the first call.
    @usableFromInline
    func shared<Instance>(of node: AnyNode, _ make: () -> Instance) -> Instance {
        let id = ObjectIdentifier(node)
        if let known = instances[id] as? Instance { return known }
        let made = make()
        instances[id] = made
        return made
    }

    /// Forgets how often records were tried that are committed.
    package func forgetTries(of topic: String, before offset: Offset) {
        errors.forgetTries(of: topic, before: offset)
    }

    /// Throws the error after which the open transaction must not be committed, where an operator's
    /// own code has caught it.
    package func throwCaught() throws {
        guard let failure = output.pointee.failure else { return }
        throw (failure as? RetryLater)?.afterEffects ?? failure
    }

    /// Ends the use: what operators registered holds on to the task.
    public func close() {
        hooks.removeAll()
        errors.removeAll()
        expiry.removeAll()
    }

    /// Ends the binding: every source of the task is bound.
    public func finishBinding() {
        instances = [:]
        openedStores = [:]
    }

    /// A store as processors see it: all that use it in a task have the same one.
    @usableFromInline
    func openedStore(named name: String, _ open: () -> AnyObject) -> AnyObject {
        if let known = openedStores[name] { return known }
        let opened = open()
        openedStores[name] = opened
        return opened
    }

    /// The largest time seen in the task's partition of a topic; `.none` before the first record.
    public func partitionTime(of topic: String) -> UnsafeMutablePointer<Timestamp> {
        if let known = partitionTimes[topic] { return known }
        let time = UnsafeMutablePointer<Timestamp>.allocate(capacity: 1)
        time.initialize(to: .none)
        partitionTimes[topic] = time
        return time
    }

    /// The largest time seen in what a source reads.
    @usableFromInline
    func partitionTime(of kind: OperatorKind) -> UnsafeMutablePointer<Timestamp> {
        switch kind {
        case .source(let topic, _, _): partitionTime(of: topic)
        case .repartitionSource(let via): partitionTime(of: names.repartitionTopic(via: via))
        case .globalTable, .stateless, .stateful, .sink, .repartitionSink, .dynamicSink:
            fatalError("\(kind.word) reads no topic")
        }
    }

    /// Takes note of where the inputs' times are after a start or a rewind.
    public func resumeStreamTime() {
        let time = partitionTimes.values.map(\.pointee).max() ?? .none
        record.pointee.streamTime = max(time, .none)
        record.pointee.rowTime = record.pointee.streamTime
    }

    /// The place of a topic in the output.
    @usableFromInline
    func target(topic: String, isChangelog: Bool = false) -> OutputBuffer.Target {
        guard let count = partitionCounts[topic] else {
            fatalError("the plan lacks the topic \(topic)")
        }
        return output.pointee.target(
            topic: topic,
            partitionCount: count,
            isChangelog: isChangelog
        )
    }

    /// The place of a topic that a record names: one of the plan's, or one that is there by now;
    /// nil if there is none.
    @usableFromInline
    func target(namedByRecord topic: String) throws -> OutputBuffer.Target? {
        guard let count = try partitionCounts[topic] ?? lookUpTopic(topic) else { return nil }
        try output.pointee.drain(topic, ifNotOf: count)
        return output.pointee.target(topic: topic, partitionCount: count)
    }

    /// Whether a topic is one of the job's own, in which nobody else's records may be.
    @usableFromInline
    func isInternal(_ topic: String) -> Bool { names.isInternal(topic) }

    /// The place of a repartition topic in the output.
    @usableFromInline
    func repartitionTarget(via: String) -> OutputBuffer.Target {
        target(topic: names.repartitionTopic(via: via))
    }

    /// The thread's copy of a global table.
    @usableFromInline
    func globalStore(named name: String) -> StateStore {
        guard let store = stores[name] else {
            fatalError("the thread lacks the global table \(name)")
        }
        return store
    }

    /// Which store of the task has a name; nil where none has it.
    func identity(ofStore name: String) -> ObjectIdentifier? {
        stores[name].map { ObjectIdentifier($0) }
    }

    /// A store and the place of its changelog in the output.
    @usableFromInline
    func store(named name: String) -> (store: StateStore, changelog: OutputBuffer.Target) {
        guard let store = stores[name] else {
            fatalError("the plan lacks the store \(name)")
        }
        return (store, target(topic: names.changelogTopic(store: name), isChangelog: true))
    }
}

/// The names of a job's own topics, made from its name and the user's names for stores and
/// repartitions: never from the position of an operator.
public struct InternalNames: Sendable, Equatable {
    /// The job's name.
    public let job: String
    /// The names of this job's topics.
    public init(job: String) { self.job = job }
    /// The topic that holds the changes of a store.
    public func changelogTopic(store: String) -> String { "\(job)-\(store)-changelog" }
    /// Where dead letters go if no policy names another topic.
    public var deadLetterTopic: String { "\(job)-dead-letters" }
    /// Whether a name is that of a changelog or repartition topic of the job.
    func isInternal(_ topic: String) -> Bool {
        topic.hasPrefix("\(job)-")
            && (topic.hasSuffix("-changelog") || topic.hasSuffix("-repartition"))
    }
    /// The topic that carries records to the partition of their new key.
    public func repartitionTopic(via: String) -> String { "\(job)-\(via)-repartition" }
}
