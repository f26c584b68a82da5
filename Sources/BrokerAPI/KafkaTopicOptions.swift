/// The names of Kafka's topic options, those that the log does not heed included.
package enum KafkaTopicOptions {
    package static var names: [String] { TopicOption.all.map(\.name) }
}
