import LogStorage

/// One of Kafka's topic options: what it is when nobody sets it, and what its values look like.
package struct TopicOption: Sendable {
    /// Kafka's numbers for the kinds of values.
    package enum Kind: Int8, Sendable {
        case boolean = 1
        case string = 2
        case int = 3
        case long = 5
        case double = 6
        case list = 7
    }

    package let name: String
    package let kind: Kind
    package let defaultValue: String
    /// The broker's setting that gives the default in Kafka; nil where there is none.
    package let brokerName: String?
    /// The setting of Kafka's that is the default where nobody sets one; nil for `brokerName`.
    package let builtIn: (name: String, value: String)?
    package let minimum: Int64?

    init(
        _ name: String,
        _ kind: Kind,
        _ defaultValue: String,
        broker brokerName: String? = nil,
        builtIn: (name: String, value: String)? = nil,
        atLeast minimum: Int64? = nil
    ) {
        self.builtIn = builtIn
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.brokerName = brokerName
        self.minimum = minimum
    }

    /// The minimum of `segment.bytes` is Kafka's. The log itself has a smaller one, which the user
    /// of the directory may go down to.
    package var ownerHasNoMinimum: Bool { name == "segment.bytes" }

    /// Whether the log heeds it; the others stay at their defaults.
    package var isHonoured: Bool { LogConfiguration.names.contains(name) }

    /// The option of that name; nil if there is none.
    package static func named(_ name: String) -> TopicOption? { byName[name] }

    /// Every option of Kafka's, by name.
    package static let all: [TopicOption] = [
        TopicOption("cleanup.policy", .list, "delete", broker: "log.cleanup.policy"),
        TopicOption("compression.gzip.level", .int, "-1", broker: "compression.gzip.level"),
        TopicOption("compression.lz4.level", .int, "9", broker: "compression.lz4.level"),
        TopicOption("compression.type", .string, "producer", broker: "compression.type"),
        TopicOption("compression.zstd.level", .int, "3", broker: "compression.zstd.level"),
        TopicOption(
            "delete.retention.ms",
            .long,
            "86400000",
            broker: "log.cleaner.delete.retention.ms",
            atLeast: 0
        ),
        TopicOption(
            "file.delete.delay.ms",
            .long,
            "60000",
            broker: "log.segment.delete.delay.ms",
            atLeast: 0
        ),
        TopicOption(
            "flush.messages",
            .long,
            "9223372036854775807",
            broker: "log.flush.interval.messages",
            atLeast: 1
        ),
        TopicOption("flush.ms", .long, "9223372036854775807", atLeast: 0),
        TopicOption("follower.replication.throttled.replicas", .list, ""),
        TopicOption(
            "index.interval.bytes",
            .int,
            "4096",
            broker: "log.index.interval.bytes",
            atLeast: 0
        ),
        TopicOption("leader.replication.throttled.replicas", .list, ""),
        TopicOption("local.retention.bytes", .long, "-2", broker: "log.local.retention.bytes"),
        TopicOption("local.retention.ms", .long, "-2", broker: "log.local.retention.ms"),
        TopicOption(
            "max.compaction.lag.ms",
            .long,
            "9223372036854775807",
            broker: "log.cleaner.max.compaction.lag.ms",
            atLeast: 1
        ),
        TopicOption(
            "max.message.bytes",
            .int,
            "1048588",
            broker: "message.max.bytes",
            atLeast: 0
        ),
        TopicOption(
            "message.timestamp.after.max.ms",
            .long,
            "3600000",
            broker: "log.message.timestamp.after.max.ms",
            atLeast: 0
        ),
        TopicOption(
            "message.timestamp.before.max.ms",
            .long,
            "9223372036854775807",
            broker: "log.message.timestamp.before.max.ms",
            atLeast: 0
        ),
        TopicOption(
            "message.timestamp.type",
            .string,
            "CreateTime",
            broker: "log.message.timestamp.type"
        ),
        TopicOption(
            "min.cleanable.dirty.ratio",
            .double,
            "0.5",
            broker: "log.cleaner.min.cleanable.ratio"
        ),
        TopicOption(
            "min.compaction.lag.ms",
            .long,
            "0",
            broker: "log.cleaner.min.compaction.lag.ms",
            atLeast: 0
        ),
        TopicOption("min.insync.replicas", .int, "1", broker: "min.insync.replicas", atLeast: 1),
        TopicOption("preallocate", .boolean, "false", broker: "log.preallocate"),
        TopicOption("remote.log.copy.disable", .boolean, "false"),
        TopicOption("remote.log.delete.on.disable", .boolean, "false"),
        TopicOption("remote.storage.enable", .boolean, "false"),
        TopicOption("retention.bytes", .long, "-1", broker: "log.retention.bytes"),
        TopicOption(
            "retention.ms",
            .long,
            "604800000",
            broker: "log.retention.ms",
            builtIn: ("log.retention.hours", "168"),
            atLeast: -1
        ),
        TopicOption(
            "segment.bytes",
            .int,
            "1073741824",
            broker: "log.segment.bytes",
            atLeast: 1_048_576
        ),
        TopicOption(
            "segment.index.bytes",
            .int,
            "10485760",
            broker: "log.index.size.max.bytes",
            atLeast: 4
        ),
        TopicOption("segment.jitter.ms", .long, "0", atLeast: 0),
        TopicOption("segment.ms", .long, "604800000", atLeast: 1),
        TopicOption(
            "unclean.leader.election.enable",
            .boolean,
            "false",
            broker: "unclean.leader.election.enable"
        ),
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
}
