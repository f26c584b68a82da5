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
        // What is named twice is not deleted, as in Kafka.
        let names = Self.counts(asked.compactMap { $0.topicID == .zero ? $0.name : nil })
        let ids = Self.counts(asked.compactMap { $0.name == nil ? $0.topicID : nil })
        var response = DeleteTopicsResponse()
        var toldNames: Set<String> = []
        var toldIDs: Set<UniqueID> = []
        for state in asked {
            var doubled: String?
            if let name = state.name, state.topicID == .zero {
                if names[name] != 1 {
                    guard toldNames.insert(name).inserted else { continue }
                    doubled = "Duplicate topic name."
                } else if let id = broker.topic(name)?.id, ids[id] != nil {
                    doubled = "The provided topic name maps to an ID that was already supplied."
                }
            } else if state.name == nil, state.topicID != .zero {
                if ids[state.topicID] != 1 {
                    guard toldIDs.insert(state.topicID).inserted else { continue }
                    doubled = "Duplicate topic id."
                } else if let name = broker.topic(id: state.topicID)?.name, names[name] == 1 {
                    continue
                }
            }
            response.responses.append(
                doubled.map { refused(state, Refusal(.invalidRequest, $0)) }
                    ?? delete(state, call)
            )
        }
        return response
    }

    private static func counts<Key: Hashable>(_ keys: [Key]) -> [Key: Int] {
        Dictionary(keys.map { ($0, 1) }, uniquingKeysWith: +)
    }

    private func refused(
        _ state: DeleteTopicsRequest.DeleteTopicState,
        _ refusal: Refusal
    ) -> DeleteTopicsResponse.DeletableTopicResult {
        DeleteTopicsResponse.DeletableTopicResult(
            name: state.name,
            topicID: state.topicID,
            errorCode: refusal.code.rawValue,
            errorMessage: refusal.message
        )
    }

    private func delete(
        _ state: DeleteTopicsRequest.DeleteTopicState,
        _ call: APICall
    ) -> DeleteTopicsResponse.DeletableTopicResult {
        var result = DeleteTopicsResponse.DeletableTopicResult(
            name: state.name,
            topicID: state.topicID
        )
        do throws(Refusal) {
            let topic = try topic(of: state)
            result.name = topic.name
            if call.version >= 6 { result.topicID = topic.id }
            try refuseOwned(topic)
            if let refusal = broker.refusalToDelete(topic.name) {
                throw Refusal(refusal.code, refusal.description)
            }
            try refusing { () throws(BrokerError) in
                try broker.deleteTopic(topic.name, id: topic.id)
            }
        } catch {
            result.errorCode = error.code.rawValue
            result.errorMessage = error.message
        }
        return result
    }

    /// What a job keeps there, or has not read yet, is no client's to delete.
    private func refuseOwned(_ topic: Topic) throws(Refusal) {
        guard let owner = topic.options[TopicOptionName.owner] else { return }
        throw Refusal(
            .policyViolation,
            "Topic '\(topic.name)' is that of \(owner) (job/name), which counts on it: start the "
                + "job over with millrace run JOB --reset, or give it up with "
                + "millrace topic delete --force while nothing runs."
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
        guard let topic = broker.topic(id: state.topicID) else {
            throw Refusal(.unknownTopicID, "This server does not host this topic ID.")
        }
        return topic
    }

    /// Kafka's words where a topic or partition does not exist.
    static var unknownPartitionMessage: String {
        "This server does not host this topic-partition."
    }
}
