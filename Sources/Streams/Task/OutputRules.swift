import LogModel

/// What a topic takes, by its options.
public struct OutputRules: Sendable {
    /// `max.message.bytes`: the largest batch, header and all.
    public var batchByteLimit: Int
    /// A compacted topic: its cleaner would drop a record without a key.
    public var requiresKeys: Bool
    /// The options that let a command reach the log of the topic, for what a refusal suggests.
    package var commandOptions = "--data DIR"

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
    private let rules: OutputRules

    init(_ reason: Reason, topic: String, rules: OutputRules) {
        self.reason = reason
        self.topic = topic
        self.rules = rules
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
            "a record takes \(byteCount) bytes, more than "
                + "max.message.bytes=\(rules.batchByteLimit) of the topic '\(topic)'"
                + way(to: byteCount)
        }
    }

    /// How the topic comes to take so many bytes; none takes more than any batch may have.
    private func way(to byteCount: Int) -> String {
        guard byteCount <= BatchLimit.byteCount else {
            return ", and no topic takes more than \(BatchLimit.byteCount)"
        }
        let options = "--config max.message.bytes=\(byteCount) \(rules.commandOptions)"
        // What begins like an option is none behind a double dash.
        let words = topic.hasPrefix("-") ? "\(options) -- \(topic)" : "\(topic) \(options)"
        return ": millrace topic alter \(words) raises it"
    }
}

/// The same of a changelog or of the topic of dead letters: no policy applies, the job stops and
/// nothing of it is committed.
struct FinalRefusal: EngineFailure, CustomStringConvertible {
    let refusal: OutputRefusal
    var description: String { refusal.description }
}
