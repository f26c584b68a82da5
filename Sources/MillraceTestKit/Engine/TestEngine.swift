public import LogModel
public import Streams
import StreamsRuntime

/// Tests a job on the real engine: real tasks, transactions, log and recovery, on a simulated
/// disk and a virtual clock.
///
///     let engine = try TestEngine(WordCount())
///     try engine.send("a rose is a rose", to: Topics.lines)
///     try engine.run()
///     #expect(try engine.read(Topics.counts).map(\.value) == [1, 1, 1, 2, 2])
///
/// Nothing happens until the test asks for it: `run()` processes and commits everything,
/// `process()` processes without a commit, `crash()` loses what was not flushed and starts again.
public final class TestEngine<Job: StreamJob> {
    let driver: TopologyDriver

    /// The job over new, empty input topics.
    ///
    /// - Parameters:
    ///   - partitions: of every input topic.
    ///   - seed: decides what a crash loses.
    /// - Throws: `TopologyError` for a topology that cannot run.
    public init(_ job: Job = Job(), partitions: Int = 4, seed: UInt64 = 1) throws {
        TrapWords.install()
        let specification = try Topology(of: job).specification
        let topics = Set(
            specification.subtopologies.flatMap(\.externalTopics)
                + specification.globalTables.map(\.topic)
        ).sorted()
        driver = try TopologyDriver(
            inputs: topics.map { ($0, Int32(partitions)) },
            configuration: StreamsConfiguration(),
            seed: seed
        ) { try Topology(of: job) }
    }

    /// Appends a record to an input topic, in the partition of its key.
    ///
    /// - Parameters:
    ///   - time: the record's timestamp, counted from 1970.
    ///   - headers: the record's headers.
    public func send<KeySerde: Serde, ValueSerde: Serde>(
        _ value: ValueSerde.Value,
        key: KeySerde.Value,
        to topic: Topic<KeySerde, ValueSerde>,
        at time: Duration = .zero,
        headers: RecordHeaders = []
    ) throws {
        var keySink = ByteSink()
        var valueSink = ByteSink()
        let isNullKey = topic.key.isNull(key)
        let isNullValue = topic.value.isNull(value)
        if !isNullKey { try topic.key.encode(key, into: &keySink) }
        if !isNullValue { try topic.value.encode(value, into: &valueSink) }
        try driver.send(
            topic: topic.name,
            key: isNullKey ? nil : Array(keySink.bytes),
            value: isNullValue ? nil : Array(valueSink.bytes),
            timestamp: Timestamp(time.wholeMilliseconds),
            headers: headers.map { ($0.name, $0.value) }
        )
    }

    /// Appends a record without a key to an input topic, in its first partition.
    public func send<ValueSerde: Serde>(
        _ value: ValueSerde.Value,
        to topic: Topic<IgnoredKeySerde, ValueSerde>,
        at time: Duration = .zero
    ) throws {
        try send(value, key: NoKey(), to: topic, at: time)
    }

    /// Processes and commits everything that is there, through repartition topics too.
    public func run() throws { try driver.runUntilIdle() }

    /// Processes once what is there, without a commit of its own.
    public func process() throws { _ = try driver.step() }

    /// Commits what was processed.
    public func commit() throws { try driver.commit() }

    /// Processes and commits what is there, turns the clock, and does so once more.
    public func advance(by time: Duration) throws {
        try driver.advance(milliseconds: time.wholeMilliseconds)
    }

    /// The power goes: what was not flushed may be lost. The job starts again from the disk.
    public func crash() throws { try driver.crash() }

    /// The process is killed: what was written stays. The job starts again.
    public func kill() throws { try driver.kill() }

    /// The committed records of a topic that were not read before, partition by partition.
    public func read<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>
    ) throws -> [(key: KeySerde.Value, value: ValueSerde.Value)] {
        try driver.read(topic.name).map { record in
            (
                key: try Self.decode(record.key, topic.key),
                value: try Self.decode(record.value, topic.value)
            )
        }
    }

    /// The committed records of a topic that were not read before, with timestamps and headers.
    public func readRecords<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>
    ) throws -> [TestResult<KeySerde.Value, ValueSerde.Value>] {
        try driver.read(topic.name).map { record in
            TestResult(
                key: try Self.decode(record.key, topic.key),
                value: try Self.decode(record.value, topic.value),
                timestamp: record.timestamp,
                headers: RecordHeaders(record.headers.map { .init($0.name, $0.value) })
            )
        }
    }

    private static func decode<S: Serde>(_ bytes: [UInt8]?, _ serde: S) throws -> S.Value {
        guard let bytes else { return try serde.decodeNull() }
        return try bytes.withUnsafeBytes { try serde.decode($0) }
    }
}

/// A record of a result as a test reads it.
public struct TestResult<Key, Value> {
    /// Its key.
    public let key: Key
    /// Its value.
    public let value: Value
    /// Its timestamp.
    public let timestamp: Timestamp
    /// Its headers, in their order.
    public let headers: RecordHeaders
}
