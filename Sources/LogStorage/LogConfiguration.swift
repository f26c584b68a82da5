package import LogModel

/// How a partition's log is kept. The names are Kafka's topic options.
package struct LogConfiguration: Sendable, Equatable {
    package enum Durability: Sendable, Equatable {
        /// Acknowledged means flushed.
        case flushed
        /// Acknowledged means written; a flush follows after `maximumDelayMilliseconds` or
        /// `byteLimit`. Power loss may take what was acknowledged in between.
        case relaxed(maximumDelayMilliseconds: Int64, byteLimit: Int64)
    }

    /// `segment.bytes`, or `internal.segment.bytes`: 1 GiB.
    package var segmentByteLimit: Int64 = 1 << 30
    /// `segment.ms`: 7 days.
    package var segmentMilliseconds: Int64 = 604_800_000
    /// `index.interval.bytes`: one index entry for so many bytes of log.
    package var indexIntervalByteCount: Int64 = 4096
    /// `max.message.bytes`: the largest batch.
    package var maxMessageByteCount = 1_048_588
    /// `retention.ms`, -1: for ever; 7 days.
    package var retentionMilliseconds: Int64 = 604_800_000
    /// `retention.bytes`, -1: no limit.
    package var retentionByteCount: Int64 = -1
    /// `cleanup.policy` contains `delete`.
    package var deletesOldSegments = true
    /// `cleanup.policy` contains `compact`.
    package var compacts = false
    /// `min.compaction.lag.ms`: records younger than this are not compacted.
    package var minimumCompactionLagMilliseconds: Int64 = 0
    /// `max.compaction.lag.ms`: records older than this are, however few they are.
    package var maximumCompactionLagMilliseconds = Int64.max
    /// `min.cleanable.dirty.ratio`: how much of the log must be new before it is compacted.
    package var minimumDirtyRatio = 0.5
    /// `delete.retention.ms`: how long tombstones stay for readers to see; 1 day.
    package var deleteRetentionMilliseconds: Int64 = 86_400_000
    /// `message.timestamp.type` is `LogAppendTime`.
    package var usesLogAppendTime = false
    /// `compression.type`: the codec in which records are kept; nil for the producer's.
    package var codec: CompressionCodec?
    /// `producer.id.expiration.ms`: 1 day.
    package var producerExpirationMilliseconds: Int64 = 86_400_000
    /// `millrace.durability`: `flushed`, or `relaxed` with the two options beside it.
    package var durability = Durability.flushed

    package init() {}

    /// Where a segment is closed. Cleaning may make records longer, by the distance of their times
    /// from a delete horizon, though not twice as long; an index reaches 2 GiB.
    var closingByteCount: Int64 { compacts ? min(segmentByteLimit, 1 << 30) : segmentByteLimit }

    /// How old a segment grows until it is closed, so that what is in it can be compacted in time.
    var closingMilliseconds: Int64 {
        compacts ? min(segmentMilliseconds, maximumCompactionLagMilliseconds) : segmentMilliseconds
    }

    /// The configuration that a topic's options make.
    ///
    /// - Throws: `.invalidConfiguration` for an unknown name or a value that makes no sense.
    package init(topicOptions: [String: String]) throws(LogStorageError) {
        var relaxed = Relaxed()
        for (name, value) in topicOptions.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "segment.bytes", "internal.segment.bytes":
                segmentByteLimit = try Self.integer(name, value, atLeast: 1024)
                // The index has four bytes for a position, as in Kafka.
                guard segmentByteLimit <= Int64(Int32.max) else {
                    throw Self.invalid(name, value, "at most \(Int32.max)")
                }
            case "segment.ms": segmentMilliseconds = try Self.integer(name, value, atLeast: 1)
            case "index.interval.bytes":
                indexIntervalByteCount = try Self.integer(name, value, atLeast: 0)
            case "max.message.bytes":
                let limit = try Self.integer(name, value, atLeast: 61)
                guard limit <= Int64(BatchLimit.byteCount) else {
                    throw Self.invalid(
                        name,
                        value,
                        "at most \(BatchLimit.byteCount), the largest batch there is"
                    )
                }
                maxMessageByteCount = Int(limit)
            case "retention.ms": retentionMilliseconds = try Self.integer(name, value, atLeast: -1)
            case "retention.bytes": retentionByteCount = try Self.integer(name, value, atLeast: -1)
            case "cleanup.policy": try setCleanupPolicy(value)
            case "min.compaction.lag.ms":
                minimumCompactionLagMilliseconds = try Self.integer(name, value, atLeast: 0)
            case "max.compaction.lag.ms":
                maximumCompactionLagMilliseconds = try Self.integer(name, value, atLeast: 1)
            case "delete.retention.ms":
                deleteRetentionMilliseconds = try Self.integer(name, value, atLeast: 0)
            case "min.cleanable.dirty.ratio":
                guard let ratio = Double(value), ratio >= 0, ratio <= 1 else {
                    throw Self.invalid(name, value, "a number from 0 to 1")
                }
                minimumDirtyRatio = ratio
            case "message.timestamp.type":
                guard value == "CreateTime" || value == "LogAppendTime" else {
                    throw Self.invalid(name, value, "CreateTime or LogAppendTime")
                }
                usesLogAppendTime = value == "LogAppendTime"
            case "compression.type": codec = try Self.codec(value)
            // Both promise less than a log does that flushes before it acknowledges.
            case "flush.messages", "flush.ms":
                _ = try Self.integer(name, value, atLeast: name == "flush.ms" ? 0 : 1)
                relaxed.flushOption = name
            // For readers of a segment that is deleted, which keep it here until they are done.
            case "file.delete.delay.ms": _ = try Self.integer(name, value, atLeast: 0)
            case "producer.id.expiration.ms":
                producerExpirationMilliseconds = try Self.integer(name, value, atLeast: 1)
            case "millrace.durability", "millrace.durability.delay.ms",
                "millrace.durability.bytes":
                try relaxed.set(name, value)
            case TopicOptionName.owner, TopicOptionName.format:
                // What a job notes on its own topics; the table of topics takes words.
                guard !value.isEmpty, !value.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F })
                else { throw Self.invalid(name, value, "a word without blanks") }
            default:
                throw .invalidConfiguration(
                    "\"\(name)\" is no topic option; known are "
                        + Self.names.joined(separator: ", ")
                )
            }
        }
        durability = try relaxed.durability
    }

    /// Refuses options that contradict each other, for a topic that is made or changed; one that is
    /// there goes on with them.
    package func refuseConflicts() throws(LogStorageError) {
        guard minimumCompactionLagMilliseconds <= maximumCompactionLagMilliseconds else {
            throw .invalidConfiguration(
                "conflict topic config setting min.compaction.lag.ms "
                    + "(\(minimumCompactionLagMilliseconds)) > max.compaction.lag.ms "
                    + "(\(maximumCompactionLagMilliseconds))"
            )
        }
    }

    /// What the options say of when to flush.
    private struct Relaxed {
        var flushOption: String?
        private var isChosen = false
        private var delay: Int64 = 1_000
        private var bytes: Int64 = 16 << 20

        mutating func set(_ name: String, _ value: String) throws(LogStorageError) {
            switch name {
            case "millrace.durability.delay.ms":
                delay = try LogConfiguration.integer(name, value, atLeast: 1)
            case "millrace.durability.bytes":
                bytes = try LogConfiguration.integer(name, value, atLeast: 1)
            default:
                guard value == "flushed" || value == "relaxed" else {
                    throw LogConfiguration.invalid(name, value, "flushed or relaxed")
                }
                isChosen = value == "relaxed"
            }
        }

        var durability: Durability {
            get throws(LogStorageError) {
                guard isChosen else { return .flushed }
                if let flushOption {
                    throw .invalidConfiguration(
                        "\(flushOption) and millrace.durability=relaxed both say when to "
                            + "flush; set millrace.durability.delay.ms and "
                            + "millrace.durability.bytes instead"
                    )
                }
                return .relaxed(maximumDelayMilliseconds: delay, byteLimit: bytes)
            }
        }
    }

    /// Every option that a topic may have.
    package static let names = [
        "cleanup.policy", "compression.type", "delete.retention.ms",
        "file.delete.delay.ms", "flush.messages",
        "flush.ms", "index.interval.bytes", "internal.segment.bytes",
        "max.compaction.lag.ms", "max.message.bytes",
        "message.timestamp.type", "millrace.durability", "millrace.durability.bytes",
        TopicOptionName.format, TopicOptionName.owner,
        "min.cleanable.dirty.ratio", "min.compaction.lag.ms",
        "millrace.durability.delay.ms", "producer.id.expiration.ms", "retention.bytes",
        "retention.ms", "segment.bytes", "segment.ms",
    ]

    /// Options that have a value without text: `cleanup.policy=` is an empty list, and keeps
    /// everything for ever, as in Kafka.
    package static let namesThatMayBeEmpty: Set<String> = ["cleanup.policy"]

    private static func codec(_ value: String) throws(LogStorageError) -> CompressionCodec? {
        switch value {
        case "producer": nil
        case "uncompressed": CompressionCodec.none
        case "gzip": .gzip
        case "snappy": .snappy
        case "lz4": .lz4
        case "zstd": .zstd
        default:
            throw invalid(
                "compression.type",
                value,
                "uncompressed, zstd, lz4, snappy, gzip, or producer for what producers send"
            )
        }
    }

    private mutating func setCleanupPolicy(_ value: String) throws(LogStorageError) {
        let parts = value.split(separator: ",", omittingEmptySubsequences: false).map { part in
            Substring(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
        guard value.isEmpty || parts.allSatisfy({ $0 == "delete" || $0 == "compact" }) else {
            throw Self.invalid(
                "cleanup.policy",
                value,
                "delete, compact, delete,compact, or nothing to keep everything"
            )
        }
        deletesOldSegments = parts.contains("delete")
        compacts = parts.contains("compact")
    }

    private static func integer(
        _ name: String,
        _ value: String,
        atLeast minimum: Int64
    ) throws(LogStorageError) -> Int64 {
        guard let number = Int64(value), number >= minimum else {
            throw invalid(name, value, "a whole number from \(minimum)")
        }
        return number
    }

    private static func invalid(
        _ name: String,
        _ value: String,
        _ expected: String
    ) -> LogStorageError {
        .invalidConfiguration("\(name)=\(value): expected \(expected)")
    }
}
