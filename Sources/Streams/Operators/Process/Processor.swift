public import LogModel

/// An operator of one's own: takes records one by one, keeps what it knows in stores, is called by
/// timers, and hands on what it likes.
///
///     struct Reminders: Processor {
///         let open: KeyValueStore<UTF8Serde, Int64Serde>
///
///         init(_ stores: TaskStores) throws { open = try stores.open(Stores.open) }
///
///         mutating func start(_ context: inout ProcessorContext<String, String>) throws {
///             context.schedule("remind", every: .seconds(60), by: .streamTime)
///         }
///
///         mutating func process(
///             _ key: String, _ value: String, _ context: inout ProcessorContext<String, String>
///         ) throws {
///             try open.put(key, context.timestamp.rawValue)
///         }
///
///         mutating func fire(
///             _ timer: String, at time: Timestamp,
///             _ context: inout ProcessorContext<String, String>
///         ) throws {
///             try open.range { key, since in
///                 try context.forward(key, "open since \(since)")
///                 return true
///             }
///         }
///     }
///
/// Every task has a processor of its own. It is made anew at a start and after an abort, when the
/// stores are back at what is committed: what it keeps beside its stores is lost then.
public protocol Processor<InKey, InValue, OutKey, OutValue> {
    /// The key of the records that come.
    associatedtype InKey
    /// Their value.
    associatedtype InValue
    /// The key of the records that go on.
    associatedtype OutKey
    /// Their value.
    associatedtype OutValue

    /// Begins; called once before the first record. Timers that are always there are scheduled
    /// here. What is forwarded here goes on at every start.
    mutating func start(_ context: inout ProcessorContext<OutKey, OutValue>) throws

    /// Takes one record.
    mutating func process(
        _ key: InKey,
        _ value: InValue,
        _ context: inout ProcessorContext<OutKey, OutValue>
    ) throws

    /// A timer is due; called once for it, however far its clock has gone on. What is forwarded has
    /// this time and no headers, unless others are set.
    mutating func fire(
        _ timer: String,
        at time: Timestamp,
        _ context: inout ProcessorContext<OutKey, OutValue>
    ) throws
}

extension Processor {
    /// Does nothing.
    public mutating func start(_ context: inout ProcessorContext<OutKey, OutValue>) throws {}

    /// Refuses: a processor that schedules timers says what they do.
    public mutating func fire(
        _ timer: String,
        at time: Timestamp,
        _ context: inout ProcessorContext<OutKey, OutValue>
    ) throws {
        throw ProcessorError("the timer \"\(timer)\" is due, and the processor has no fire(…)")
    }
}

/// A processor that leaves the keys alone, so that what follows may keep state by them.
public protocol ValueProcessor<Key, Value, Result>: SendableMetatype {
    /// The key of the records.
    associatedtype Key
    /// The value of the records that come.
    associatedtype Value
    /// The value of the records that go on.
    associatedtype Result

    /// Begins; called once before the first record.
    mutating func start(_ context: inout ValueContext<Key, Result>) throws

    /// Takes one record.
    mutating func process(
        _ key: Key,
        _ value: Value,
        _ context: inout ValueContext<Key, Result>
    ) throws

    /// A timer is due. It has no key, so it can forward nothing.
    mutating func fire(
        _ timer: String,
        at time: Timestamp,
        _ context: inout ValueContext<Key, Result>
    ) throws
}

extension ValueProcessor {
    /// Does nothing.
    public mutating func start(_ context: inout ValueContext<Key, Result>) throws {}

    /// Refuses: a processor that schedules timers says what they do.
    public mutating func fire(
        _ timer: String,
        at time: Timestamp,
        _ context: inout ValueContext<Key, Result>
    ) throws {
        throw ProcessorError("the timer \"\(timer)\" is due, and the processor has no fire(…)")
    }
}

/// A value processor as a processor.
@usableFromInline
struct ValueProcessorAdapter<Inner: ValueProcessor>: Processor {
    @usableFromInline typealias Context = ProcessorContext<Inner.Key, Inner.Result>
    @usableFromInline var inner: Inner

    @inlinable
    init(_ inner: Inner) { self.inner = inner }

    @inlinable
    mutating func start(_ context: inout Context) throws {
        var values = ValueContext(key: nil, context: context)
        try inner.start(&values)
    }

    @inlinable
    mutating func process(_ key: Inner.Key, _ value: Inner.Value, _ context: inout Context) throws {
        var values = ValueContext(key: key, context: context)
        try inner.process(key, value, &values)
    }

    @inlinable
    mutating func fire(_ timer: String, at time: Timestamp, _ context: inout Context) throws {
        var values = ValueContext(key: nil, context: context)
        try inner.fire(timer, at: time, &values)
    }
}
