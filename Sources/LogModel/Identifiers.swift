// The identity of a topic is a `UniqueID`.
public import Bytes

/// The position of a record in a partition: 0 for the first one ever appended.
public struct Offset: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int64
    @inlinable public init(rawValue: Int64) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int64) { self.rawValue = rawValue }
    /// The offset of the first record of a partition.
    public static let zero = Offset(0)
    @inlinable public static func < (left: Offset, right: Offset) -> Bool {
        left.rawValue < right.rawValue
    }
    /// The offset `distance` records further on; stays at the largest or smallest there is, for
    /// either number may come from bytes that nobody vouches for.
    @inlinable public func advanced(by distance: Int64) -> Offset {
        Offset(rawValue.addingSaturated(distance))
    }
    /// How many offsets lie between this one and `other`, within what 64 bits can tell.
    @inlinable public func distance(to other: Offset) -> Int64 {
        other.rawValue.subtractingSaturated(rawValue)
    }
}

/// The number of a partition in its topic: 0 for the first.
public struct PartitionIndex: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int32
    @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
    @inlinable public static func < (left: PartitionIndex, right: PartitionIndex) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The epoch of a partition's leader. A log of one node stays at 0 unless Kafka wrote it.
public struct LeaderEpoch: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int32
    @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
    @inlinable public static func < (left: LeaderEpoch, right: LeaderEpoch) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The number that the coordinator gave to a producer; -1 where there is none.
public struct ProducerID: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int64
    @inlinable public init(rawValue: Int64) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int64) { self.rawValue = rawValue }
    public static let none = ProducerID(-1)
    @inlinable public static func < (left: ProducerID, right: ProducerID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The incarnation of a producer: a higher one fences the lower ones. -1 where there is none.
public struct ProducerEpoch: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int16
    @inlinable public init(rawValue: Int16) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int16) { self.rawValue = rawValue }
    public static let none = ProducerEpoch(-1)
    @inlinable public static func < (left: ProducerEpoch, right: ProducerEpoch) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension ProducerID {
    /// The number after this one; nil behind the largest.
    @inlinable public var next: ProducerID? {
        rawValue < Int64.max ? ProducerID(rawValue + 1) : nil
    }
}

extension ProducerEpoch {
    /// The last epoch of a producer id: it fences and is never given to a client.
    public static let last = ProducerEpoch(Int16.max)
    /// The epoch after this one; nil behind the last, where a new producer id is needed.
    @inlinable public var next: ProducerEpoch? {
        rawValue < Int16.max ? ProducerEpoch(rawValue + 1) : nil
    }
}

/// The number of a record in its producer's sequence for one partition; wraps from 2^31-1 to 0.
public struct SequenceNumber: RawRepresentable, Hashable, Sendable {
    public var rawValue: Int32
    @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
    public static let none = SequenceNumber(-1)
    /// The number `distance` records later, 0 following 2^31-1. Markers, which have none, keep it.
    @inlinable public func advanced(by distance: Int32) -> SequenceNumber {
        rawValue < 0 ? self : SequenceNumber((rawValue &+ distance) & Int32.max)
    }
    /// The number `distance` records earlier, 2^31-1 preceding 0.
    @inlinable public func retreated(by distance: Int32) -> SequenceNumber {
        rawValue < 0 ? self : SequenceNumber((rawValue &- distance) & Int32.max)
    }
}

/// Milliseconds since 1970-01-01 00:00 UTC; -1 where there is none.
public struct Timestamp: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int64
    @inlinable public init(rawValue: Int64) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int64) { self.rawValue = rawValue }
    public static let none = Timestamp(-1)
    @inlinable public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.rawValue < right.rawValue
    }
    /// The time so many milliseconds later (earlier, if negative), within what 64 bits can tell: a
    /// record may claim any time.
    @inlinable public func advanced(byMilliseconds milliseconds: Int64) -> Timestamp {
        Timestamp(rawValue.addingSaturated(milliseconds))
    }
    /// The milliseconds from this time to `other`, within what 64 bits can tell.
    @inlinable public func milliseconds(to other: Timestamp) -> Int64 {
        other.rawValue.subtractingSaturated(rawValue)
    }
}

extension Int64 {
    /// The sum, or the bound that it passes.
    @inlinable @inline(__always)
    func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the bound that it passes.
    @inlinable @inline(__always)
    func subtractingSaturated(_ other: Int64) -> Int64 {
        let (difference, overflows) = subtractingReportingOverflow(other)
        return overflows ? (other < 0 ? .max : .min) : difference
    }
}

/// One partition of one topic.
public struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var topic: String
    public var partition: PartitionIndex
    public init(_ topic: String, _ partition: PartitionIndex) {
        self.topic = topic
        self.partition = partition
    }
    /// `topic-3`, as Kafka names the folder.
    public var description: String { "\(topic)-\(partition.rawValue)" }
    /// By the bytes of the name: two that Unicode calls equal are two topics.
    public static func == (left: TopicPartition, right: TopicPartition) -> Bool {
        left.partition == right.partition && left.topic.hasBytes(of: right.topic)
    }
    public static func < (left: TopicPartition, right: TopicPartition) -> Bool {
        if left.topic.hasBytes(of: right.topic) { return left.partition < right.partition }
        return left.topic.utf8.lexicographicallyPrecedes(right.topic.utf8)
    }
}

extension String {
    /// Whether both are the same bytes; `==` holds for what Unicode calls equivalent too.
    package func hasBytes(of other: String) -> Bool {
        self == other && utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}

/// One partition of one topic, the topic told by its id too: a topic deleted and made anew under
/// the same name is another one.
public struct TopicIDPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// `.zero` where the id is not known, as in what was written before topics had one.
    public var topicID: UniqueID
    public var name: TopicPartition
    public init(_ topicID: UniqueID, _ name: TopicPartition) {
        self.topicID = topicID
        self.name = name
    }
    /// `topic-3`, as Kafka names the folder.
    public var description: String { name.description }
    public static func < (left: TopicIDPartition, right: TopicIDPartition) -> Bool {
        (left.name, left.topicID) < (right.name, right.topicID)
    }
}

/// Which records a reader sees of transactions.
public enum IsolationLevel: UInt8, Sendable {
    case readUncommitted = 0
    case readCommitted = 1
}

/// How a transaction ended, as the control record's type says it.
public enum TransactionResult: Int16, Sendable {
    case abort = 0
    case commit = 1
}
