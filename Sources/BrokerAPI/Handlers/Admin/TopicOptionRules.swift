import Broker
import LogModel
import LogStorage

/// A request that is refused: Kafka's code, and words for a person.
struct Refusal: Error, Equatable, Sendable {
    let code: KafkaErrorCode
    let message: String

    init(_ code: KafkaErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// Which options a topic may be given, and what a change makes of them.
enum TopicOptionRules {
    static let deletion: Int8 = 1

    /// What a client asks of one option.
    struct Change: Equatable, Sendable {
        let name: String
        /// Kafka's number: 0 sets, 1 deletes, 2 appends to a list, 3 takes out of one.
        let operation: Int8
        let value: String?
    }

    /// The options of a new topic, of those that its creator names. What stays at its default is
    /// left out where the log does not heed it. The user whose directory it is may have smaller
    /// segments than Kafka's clients.
    static func created(
        _ named: [(name: String, value: String?)],
        defaults: TopicDefaults = TopicDefaults(),
        byOwner isOwner: Bool = false
    ) throws(Refusal) -> [String: String] {
        var options = defaults.options
        for (name, value) in named {
            guard let value else {
                throw Refusal(
                    .invalidConfiguration,
                    "Null value not supported for topic configs: \(name)"
                )
            }
            try set(name, to: value, in: &options, byOwner: isOwner)
        }
        try check(options)
        return options
    }

    /// `options` with these changes.
    static func changed(
        _ options: [String: String],
        by changes: [Change],
        defaults: TopicDefaults = TopicDefaults(),
        byOwner isOwner: Bool = false
    ) throws(Refusal) -> [String: String] {
        var options = options
        for change in changes { try apply(change, to: &options, defaults, byOwner: isOwner) }
        try check(options)
        return options
    }

    /// `options` replaced by those named, as the older of Kafka's two requests does. What a job
    /// notes on its own topics is no client's to drop by not knowing of it.
    static func replaced(
        _ options: [String: String],
        by named: [(name: String, value: String?)],
        defaults: TopicDefaults = TopicDefaults(),
        byOwner isOwner: Bool = false
    ) throws(Refusal) -> [String: String] {
        let kept = options.filter {
            $0.key == TopicOptionName.owner || $0.key == TopicOptionName.format
        }
        return try kept.merging(created(named, defaults: defaults, byOwner: isOwner)) { $1 }
    }

    private static func apply(
        _ change: Change,
        to options: inout [String: String],
        _ defaults: TopicDefaults,
        byOwner isOwner: Bool
    ) throws(Refusal) {
        let name = change.name
        // What is not there can be taken away, as in Kafka.
        if change.operation == Self.deletion {
            options[name] = defaults.options[name]
            return
        }
        guard isKnown(name) else { throw unknown(name) }
        guard let value = change.value else {
            throw Refusal(.invalidRequest, "Null value not supported for : \(name)")
        }
        switch change.operation {
        case 0: try set(name, to: value, in: &options, byOwner: isOwner)
        case 2, 3:
            guard let option = TopicOption.named(name), option.kind == .list else {
                let verb = change.operation == 2 ? "APPEND to" : "SUBTRACT from"
                throw Refusal(
                    .invalidConfiguration,
                    "Can't \(verb) key \(name) because its type is not LIST."
                )
            }
            guard change.operation == 3 || !value.isEmpty else {
                throw invalid(name, value, "there is nothing to append")
            }
            var items = items(options[name] ?? option.defaultValue)
            for item in Self.items(value) {
                if change.operation == 3 {
                    items.removeAll { $0 == item }
                } else if !items.contains(item) {
                    items.append(item)
                }
            }
            let joined = items.joined(separator: ",")
            try set(name, to: joined, in: &options, byOwner: isOwner)
        default:
            throw Refusal(.invalidRequest, "Unknown operation type \(change.operation)")
        }
    }

    private static func items(_ list: String) -> [String] {
        list.utf8.split(separator: UInt8(ascii: ",")).map { trimmed($0) }
    }

    private static func trimmed(_ text: Substring.UTF8View) -> String {
        let rest = text.drop { $0 <= 0x20 }
        let end = rest.lastIndex { $0 > 0x20 }
        return end.map { String(Substring(rest[...$0])) } ?? ""
    }

    /// A value as it is kept: Kafka's tools send numbers and lists with blanks around them.
    private static func plain(_ value: String, of option: TopicOption) -> String {
        switch option.kind {
        case .int, .long, .double: trimmed(Substring(value).utf8)
        // Kafka ignores the case: Python's clients send False.
        case .boolean: trimmed(Substring(value).utf8).lowercased()
        case .list:
            // A missing item stays, so that it is refused: a slip must not become a policy.
            value.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
                .map { trimmed($0) }.joined(separator: ",")
        case .string: value
        }
    }

    private static func set(
        _ name: String,
        to value: String,
        in options: inout [String: String],
        byOwner isOwner: Bool
    ) throws(Refusal) {
        guard isKnown(name) else { throw unknown(name) }
        var value = value
        if let option = TopicOption.named(name) {
            value = plain(value, of: option)
            try check(value, of: option, byOwner: isOwner)
            guard option.isHonoured else {
                options[name] = nil
                return
            }
        }
        options[name] = value
    }

    private static func check(
        _ value: String,
        of option: TopicOption,
        byOwner isOwner: Bool
    ) throws(Refusal) {
        let name = option.name
        switch option.kind {
        case .int, .long:
            let range = option.kind == .int ? Int64(Int32.min)...Int64(Int32.max) : .min ... .max
            guard let number = Int64(value), range.contains(number) else {
                let kind = option.kind == .int ? "INT" : "LONG"
                throw invalid(name, value, "Not a number of type \(kind)")
            }
            let isFree = isOwner && option.ownerHasNoMinimum
            if let minimum = option.minimum, number < minimum, !isFree {
                throw invalid(name, value, "Value must be at least \(minimum)")
            }
        case .double:
            guard Double(value) != nil else {
                throw invalid(name, value, "Not a number of type DOUBLE")
            }
        case .boolean:
            guard value == "true" || value == "false" else {
                throw invalid(name, value, "Expected value to be either true or false")
            }
        case .string, .list: break
        }
        guard option.isHonoured || value == option.defaultValue else {
            throw invalid(
                name,
                value,
                "this log does not have the option, and takes its default alone: "
                    + "\"\(option.defaultValue)\""
            )
        }
    }

    /// What the log itself says of them together.
    private static func check(_ options: [String: String]) throws(Refusal) {
        for (name, value) in options where value.contains(where: \.isWhitespace) {
            throw invalid(name, value, "an option has no spaces")
        }
        do throws(LogStorageError) {
            try LogConfiguration(topicOptions: options).refuseConflicts()
        } catch {
            guard case .invalidConfiguration(let reason) = error else {
                throw Refusal(.invalidConfiguration, "the options cannot be used together")
            }
            throw Refusal(.invalidConfiguration, reason)
        }
    }

    private static func isKnown(_ name: String) -> Bool {
        TopicOption.named(name) != nil || LogConfiguration.names.contains(name)
    }

    private static func unknown(_ name: String) -> Refusal {
        Refusal(.invalidConfiguration, "Unknown topic config name: \(name)")
    }

    private static func invalid(_ name: String, _ value: String, _ reason: String) -> Refusal {
        Refusal(
            .invalidConfiguration,
            "Invalid value \(value) for configuration \(name): \(reason)"
        )
    }
}
