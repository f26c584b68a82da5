extension KeyedStream {
    /// Writes every record to the topic that it names itself, in the transaction of its input.
    ///
    /// A topic may be one of `topics`, which are created as other sinks are, or any that exists by
    /// the time a record names it. A record that names no such topic is an error of the sink
    /// (`onError`), as is one that names a changelog or repartition topic of this or another job.
    ///
    ///     orders.to(among: ["orders-eu", "orders-us"], key: .utf8, value: .json(Order.self)) {
    ///         "orders-\($1.region)"
    ///     }
    @inlinable
    public func to<KeySerde: Serde, ValueSerde: Serde>(
        among topics: [String] = [],
        key: KeySerde,
        value: ValueSerde,
        topic: @escaping @Sendable (Key, Value) throws -> String
    ) -> Statement where KeySerde.Value == Key, ValueSerde.Value == Value {
        let kind = OperatorKind.dynamicSink(
            topics: topics,
            key: KeySerde.name,
            value: ValueSerde.name
        )
        return Statement(
            StreamNode<Never, Never>(kind: kind, from: node) { _, task in
                let writers = TopicWriters(task, key: key, value: value)
                return { key, value in
                    try writers.writer(for: try topic(key, value)).write(key, value)
                }
            }
        )
    }
}

/// One writer for each topic that records have named so far.
@usableFromInline
final class TopicWriters<KeySerde: Serde, ValueSerde: Serde> {
    @usableFromInline typealias Writer = RecordWriter<KeySerde, ValueSerde>
    private let task: TaskBinding
    private let key: KeySerde
    private let value: ValueSerde
    private var writers: [String: Writer] = [:]
    /// The writers are made for topics as they were after so many changes.
    private var changeCount = 0

    @usableFromInline
    init(_ task: TaskBinding, key: KeySerde, value: ValueSerde) {
        self.task = task
        self.key = key
        self.value = value
    }

    @usableFromInline
    func writer(for topic: String) throws -> Writer {
        let changes = task.output.pointee.targetChangeCount
        if changes != changeCount {
            changeCount = changes
            writers = [:]
        }
        if let known = writers[topic] { return known }
        guard !task.isInternal(topic) else {
            throw SinkError("the topic \"\(topic)\" is the job's own, its records are state")
        }
        guard let target = try task.target(namedByRecord: topic) else {
            throw SinkError(
                "there is no topic \"\(topic)\": create it, or name it among the sink's topics"
            )
        }
        let made = Writer(task: task, target: target, key: key, value: value)
        writers[topic] = made
        return made
    }
}

/// Why a sink cannot write a record.
public struct SinkError: DeadLetterReason, Equatable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String
    /// `unknown-topic`.
    public var deadLetterReason: String { "unknown-topic" }

    init(_ description: String) { self.description = description }

    /// A record names a topic that a job keeps its own records in.
    package init(topic: String, owner: String) {
        self.init(
            "the topic \"\(topic)\" is that of \(owner) (job/name) and takes no other records: "
                + "name another topic"
        )
    }
}
