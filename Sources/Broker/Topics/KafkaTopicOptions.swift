/// The names of Kafka's topic options, those that the log does not heed included.
package enum KafkaTopicOptions {
    package static var names: [String] { TopicOption.all.map(\.name) }

    /// What an option is that the log does not heed; nil for one that it does, or that is none.
    package static func fixedValue(of name: String) -> String? {
        TopicOption.named(name).flatMap { $0.isHonoured ? nil : $0.defaultValue }
    }
}
