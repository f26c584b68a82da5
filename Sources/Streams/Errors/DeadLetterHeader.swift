/// The headers of a dead letter, behind those that the record came with. Key, value and timestamp
/// are the record's own. Numbers are written as decimal text, times as milliseconds since 1970.
///
/// The first five are those of Kafka Streams, so that its tools find what they look for.
public enum DeadLetterHeader {
    /// The type of the error.
    public static let exception = "__streams.errors.exception"
    /// What the error says.
    public static let message = "__streams.errors.message"
    /// The topic that the record was read from.
    public static let topic = "__streams.errors.topic"
    /// The partition that the record was read from.
    public static let partition = "__streams.errors.partition"
    /// The record's offset there.
    public static let offset = "__streams.errors.offset"
    /// The version of the headers from here on: 1.
    public static let version = "__millrace.errors.version"
    /// A word to group by: `decode`, `process`, `produce`, `held`, or what an error gives
    /// (`DeadLetterReason`), such as `unsupported-version`.
    public static let reason = "__millrace.errors.reason"
    /// The job.
    public static let job = "__millrace.errors.job"
    /// The operator as the topology's description shows it.
    public static let operatorName = "__millrace.errors.operator"
    /// The record's timestamp, which a topic with log-append time would not keep.
    public static let timestamp = "__millrace.errors.timestamp"
    /// How often the record was tried.
    public static let attempts = "__millrace.errors.attempts"
    /// When it failed first.
    public static let firstFailedAt = "__millrace.errors.first-failed-at"
    /// When it failed last.
    public static let lastFailedAt = "__millrace.errors.last-failed-at"
    /// What the dead letter lacks because its topic takes no more bytes: `value`, `headers`, `key`,
    /// divided by commas. The record itself is where topic, partition and offset say.
    public static let leftOut = "__millrace.errors.left-out"
    /// On a record that comes in again: `pass` has it processed although its key is held,
    /// `release` ends the hold with it.
    public static let hold = "__millrace.errors.hold"

    /// On a record that is replayed: which replay it is of. A dead letter keeps it, and so tells
    /// that its record has failed again.
    public static let replayID = "__millrace.replay.id"
    /// On a record that is replayed: the dead letter that it was, `topic/partition/offset`.
    public static let replayedLetter = "__millrace.replay.letter"
    /// On a record that is replayed: how often it was tried before. What becomes a dead letter of
    /// the same topic goes on counting there.
    public static let replayedAttempts = "__millrace.replay.attempts"
    /// On a record that is replayed: when it failed first.
    public static let replayedFirstFailedAt = "__millrace.replay.first-failed-at"

    /// What the headers of a replay begin with.
    static let replayPrefix = "__millrace.replay."
    /// What the headers of this kind begin with: those of an earlier failure make room for the new.
    static let prefixes = ["__streams.errors.", "__millrace.errors."]

    /// Whether a header tells of a failure or a replay: every other is the record's own.
    package static func isOfFailureOrReplay(_ key: UnsafeRawBufferPointer) -> Bool {
        prefixes.contains { key.starts(with: $0.utf8) } || key.starts(with: replayPrefix.utf8)
    }

    static let currentVersion = "1"
    /// A longer message is cut: 4 KiB.
    static let messageByteLimit = 4096
}
