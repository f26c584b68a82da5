import Broker
import Bytes
import KafkaWire
import LogModel

/// DeleteTopics: by name, from version 6 also by id.
extension KafkaAPI {
    func deleteTopics(_ request: DeleteTopicsRequest, _ call: APICall) -> DeleteTopicsResponse {
        let asked =
            call.version >= 6
            ? request.topics
            : request.topicNames.map { DeleteTopicsRequest.DeleteTopicState(name: $0) }
        return DeleteTopicsResponse(
            responses: asked.map { state in
                var result = DeleteTopicsResponse.DeletableTopicResult(
                    name: state.name,
                    topicID: state.topicID
                )
                do throws(Refusal) {
                    let topic = try topic(of: state)
                    result.name = topic.name
                    if call.version >= 6 { result.topicID = topic.id }
                    try refuseOwned(topic)
                    try refusing { () throws(BrokerError) in
                        try broker.deleteTopic(topic.name, id: topic.id)
                    }
                } catch {
                    result.errorCode = error.code.rawValue
                    result.errorMessage = error.message
                }
                return result
            }
        )
    }

    /// What a job keeps there, or has not read yet, is no client's to delete.
    private func refuseOwned(_ topic: Topic) throws(Refusal) {
        guard let owner = topic.options[TopicOptionName.owner] else { return }
        throw Refusal(
            .policyViolation,
            "Topic '\(topic.name)' is that of \(owner) (job/name), which counts on it: start the "
                + "job over with millrace run JOB --reset, or give it up with "
                + "millrace topic delete."
        )
    }

    private func topic(
        of state: DeleteTopicsRequest.DeleteTopicState
    ) throws(Refusal) -> Topic {
        if let name = state.name {
            guard state.topicID == .zero else {
                throw Refusal(
                    .invalidRequest,
                    "You may not specify both topic name and topic id."
                )
            }
            guard let topic = broker.topic(name) else {
                throw Refusal(.unknownTopicOrPartition, Self.unknownPartitionMessage)
            }
            return topic
        }
        guard state.topicID != .zero else {
            throw Refusal(.invalidRequest, "Neither topic name nor id were specified.")
        }
        guard let topic = broker.topics().first(where: { $0.id == state.topicID }) else {
            throw Refusal(.unknownTopicID, "This server does not host this topic ID.")
        }
        return topic
    }

    /// Kafka's words where a topic or partition does not exist.
    static var unknownPartitionMessage: String {
        "This server does not host this topic-partition."
    }
}
