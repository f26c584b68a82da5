import Broker
import DirectoryAccess
import KafkaClient
import LogStorage
import Terminal

extension LogPlace {
    /// The options to make a topic with: without those that this log does not have where they are
    /// what it does all the same, as its server takes them. Others are refused.
    func ownOptions(
        _ options: [String: String],
        _ what: String
    ) throws(CommandFailure) -> [String: String] {
        guard directory != nil else { return options }
        let own = options.filter { name, value in
            LogConfiguration.names.contains(name)
                || KafkaTopicOptions.fixedValue(of: name) != value
        }
        try checkOptions(Array(own.keys), what)
        return own
    }

    /// Refuses options that this log does not have, whatever their values. What a cluster has, it
    /// says itself.
    func checkOptions(
        _ names: [String],
        _ what: String,
        of topic: String? = nil
    ) throws(CommandFailure) {
        guard directory != nil else { return }
        for name in names.sorted() where !LogConfiguration.names.contains(name) {
            let describe = topic.map { next("topic describe --defaults \(argument: $0)") }
            guard let value = KafkaTopicOptions.fixedValue(of: name) else {
                let hint = Suggestion.nearest(to: name, among: LogConfiguration.names)
                throw CommandFailure(
                    what,
                    place: "\(self)",
                    reason: "'\(name)' is no topic option"
                        + (hint.map { "; did you mean \($0)?" } ?? "") + "; known are "
                        + LogConfiguration.names.joined(separator: ", "),
                    next: describe
                )
            }
            throw CommandFailure(
                what,
                place: "\(self)",
                reason: "Kafka has the option \(name); in this log it is fixed at "
                    + (value.isEmpty ? "no value" : value),
                next: "leave it out"
                    + (describe.map { "; what can be set is shown by \($0)" } ?? "")
            )
        }
    }
}

extension ShownTopic {
    /// Takes the options that are not set, those apart that the log does not let anybody set.
    mutating func take(_ defaults: KafkaCluster.TopicDefaults) {
        fixed = defaults.values.filter { defaults.fixedNames.contains($0.key) }
        self.defaults = defaults.values.filter { fixed[$0.key] == nil }
    }
}
