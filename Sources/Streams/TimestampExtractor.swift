public import LogModel

/// How the time of a record is told: by default it is the timestamp that the record has in its
/// topic; here it can be taken from what the record says, and bounded.
///
///     stream(Topics.orders, timestamps: .value { order in order.placedAt }
///         .bounded(ahead: .seconds(3600)))
///
/// A record whose time comes out before 1970 is dropped and counted. The time is that of all
/// operators behind the source, and of the results.
public struct TimestampExtractor<Key, Value>: Sendable {
    /// Tells the time of a record.
    public typealias Extract = @Sendable (Key, Value, RecordTimes) throws -> Timestamp

    @usableFromInline let extract: Extract

    @usableFromInline
    init(_ extract: @escaping Extract) { self.extract = extract }

    /// The timestamp that the record has in its topic.
    public static var record: TimestampExtractor {
        TimestampExtractor { _, _, times in times.record }
    }

    /// A time that the value says.
    public static func value(
        _ time: @escaping @Sendable (Value) throws -> Timestamp
    ) -> TimestampExtractor {
        TimestampExtractor { _, value, _ in try time(value) }
    }

    /// A time made of key, value and what else is known; `times.partition` stands in where a record
    /// says none.
    public static func custom(_ extract: @escaping Extract) -> TimestampExtractor {
        TimestampExtractor(extract)
    }

    /// The same times, without those of the future: one record with a time far ahead would close
    /// every window and make all that follow late.
    ///
    /// - Parameters:
    ///   - ahead: how far before the clock of the machine a time may be.
    ///   - policy: what becomes of a record whose time is further ahead; dropped and counted if not
    ///     said. What is decided so depends on the clock: read again later, the record may pass.
    public func bounded(
        ahead: Duration,
        _ policy: FutureTimestamps = .drop
    ) -> TimestampExtractor {
        let limit = max(0, ahead.wholeMilliseconds)
        return TimestampExtractor { key, value, times in
            let time = try extract(key, value, times)
            let latest = times.wall.advanced(byMilliseconds: limit)
            guard time > latest else { return time }
            return policy == .drop ? .none : latest
        }
    }
}

/// What becomes of a record whose time lies too far in the future.
public enum FutureTimestamps: Sendable, Hashable {
    /// It is dropped and counted.
    case drop
    /// It is taken to be of the latest time that is allowed.
    case clamp
}

/// The times that are known of a record when its own is to be told.
public struct RecordTimes: Sendable {
    /// The timestamp that the record has in its topic.
    public let record: Timestamp
    /// The largest time seen in the record's partition so far; `.none` before the first record. It
    /// is committed with the offsets, so that a restart knows it.
    public let partition: Timestamp
    /// The clock of the machine.
    public let wall: Timestamp

    @inlinable
    init(record: Timestamp, partition: Timestamp, wall: Timestamp) {
        self.record = record
        self.partition = partition
        self.wall = wall
    }
}

extension StreamJob {
    /// The records of a topic at the times that an extractor tells.
    @inlinable
    public func stream<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>,
        timestamps: TimestampExtractor<KeySerde.Value, ValueSerde.Value>
    ) -> Stream<KeySerde.Value, ValueSerde.Value> {
        Stream(
            node: .source(
                kind: .source(topic: topic.name, key: KeySerde.name, value: ValueSerde.name),
                key: topic.key,
                value: topic.value,
                timestamps: timestamps
            )
        )
    }

    /// The records of a topic at times that their values say.
    ///
    ///     stream(Topics.orders, timestamp: \.placedAt)
    @inlinable
    public func stream<KeySerde: Serde, ValueSerde: Serde>(
        _ topic: Topic<KeySerde, ValueSerde>,
        timestamp: @escaping @Sendable (ValueSerde.Value) throws -> Timestamp
    ) -> Stream<KeySerde.Value, ValueSerde.Value> {
        stream(topic, timestamps: .value(timestamp))
    }
}
