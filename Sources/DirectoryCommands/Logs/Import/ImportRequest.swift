import Terminal

/// What the command line asks of an import.
struct ImportRequest: Equatable {
    /// An option for a topic: `--config TOPIC:NAME=VALUE`.
    struct TopicOption: Equatable {
        var topic: String
        var name: String
        var value: String
    }

    /// The topics to bring; nil for all.
    var topics: [String]?
    /// Batches as they lie, transactions included.
    var isRaw = false
    var options: [TopicOption] = []
}

extension ImportRequest {
    /// Reads the values of the options.
    init(
        topics list: String?,
        isRaw: Bool,
        options pairs: [KeyValueArgument]
    ) throws(CommandFailure) {
        self.isRaw = isRaw
        topics = list.map { $0.split(separator: ",").map(String.init) }
        guard topics?.isEmpty != true else {
            throw CommandFailure(
                "--topics names no topic",
                reason: "without the option all topics are brought over",
                next: "--topics NAME,NAME",
                status: .usage
            )
        }
        if let name = pairs.repeatedKey {
            throw CommandFailure(
                "--config \(name) is given twice",
                next: "give it one value",
                status: .usage
            )
        }
        for pair in pairs {
            let parts = pair.key.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else {
                throw CommandFailure(
                    "--config \(pair.key)=\(pair.value) names no topic",
                    reason: "an import brings several topics, each with its options",
                    next: "--config TOPIC:\(pair.key)=\(pair.value)",
                    status: .usage
                )
            }
            options.append(
                TopicOption(topic: String(parts[0]), name: String(parts[1]), value: pair.value)
            )
        }
    }
}
