/// What a topic takes, by its options.
public struct OutputRules: Sendable {
    /// `max.message.bytes`: the largest batch, header and all.
    public var batchByteLimit: Int
    /// A compacted topic: its cleaner would drop a record without a key.
    public var requiresKeys: Bool

    /// The rules of a topic without options.
    public init(batchByteLimit: Int = .max, requiresKeys: Bool = false) {
        self.batchByteLimit = batchByteLimit
        self.requiresKeys = requiresKeys
    }
}

/// A record that a topic does not take: an error of the sink that wrote it, for which the policy of
/// kind `produce` stands.
public struct OutputRefusal: DeadLetterReason, CustomStringConvertible {
    @usableFromInline
    enum Reason: Sendable {
        case noKey
        case tooLarge(byteCount: Int)
    }

    private let reason: Reason
    private let topic: String
    private let batchByteLimit: Int

    init(_ reason: Reason, topic: String, batchByteLimit: Int) {
        self.reason = reason
        self.topic = topic
        self.batchByteLimit = batchByteLimit
    }

    /// `no-key` or `too-large`.
    public var deadLetterReason: String {
        switch reason {
        case .noKey: "no-key"
        case .tooLarge: "too-large"
        }
    }

    /// What is wrong, and what helps.
    public var description: String {
        switch reason {
        case .noKey: "the topic '\(topic)' is compacted, and takes no record without a key"
        case .tooLarge(let byteCount):
            "a record takes \(byteCount) bytes, more than max.message.bytes=\(batchByteLimit) of "
                + "the topic '\(topic)': millrace topic alter \(topic) --config "
                + "max.message.bytes=\(byteCount) raises it"
        }
    }
}

/// The same of a changelog or of the topic of dead letters: no policy applies, the job stops and
/// nothing of it is committed.
struct FinalRefusal: EngineFailure, CustomStringConvertible {
    let refusal: OutputRefusal
    var description: String { refusal.description }
}
