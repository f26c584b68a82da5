import Broker
import Coordination
import KafkaWire
import LogModel

/// CreatePartitions: more of them for topics that there are.
extension KafkaAPI {
    func createPartitions(
        _ request: CreatePartitionsRequest,
        _ call: APICall
    ) -> CreatePartitionsResponse {
        var counts: [ExactText: Int] = [:]
        for topic in request.topics { counts[ExactText(topic.name), default: 0] += 1 }
        var response = CreatePartitionsResponse()
        for name in counts.filter({ $0.value > 1 }).keys.sorted() {
            response.results.append(
                CreatePartitionsResponse.CreatePartitionsTopicResult(
                    name: name.text,
                    errorCode: KafkaErrorCode.invalidRequest.rawValue,
                    errorMessage: "Duplicate topic name."
                )
            )
        }
        for topic in request.topics where counts[topic.name] == 1 {
            var result = CreatePartitionsResponse.CreatePartitionsTopicResult(name: topic.name)
            do throws(Refusal) {
                try grow(topic, validateOnly: request.validateOnly)
            } catch {
                result.errorCode = error.code.rawValue
                result.errorMessage = error.message.isEmpty ? nil : error.message
            }
            response.results.append(result)
        }
        return response
    }

    private func grow(
        _ asked: CreatePartitionsRequest.CreatePartitionsTopic,
        validateOnly: Bool
    ) throws(Refusal) {
        // As Kafka: no words.
        guard let topic = broker.topic(asked.name) else {
            throw Refusal(.unknownTopicOrPartition, "")
        }
        guard !topic.isInternal else {
            throw Refusal(.invalidTopic, "\(asked.name) is internal and keeps its partitions.")
        }
        let count = Int32(topic.partitions.count)
        guard asked.count != count else {
            throw Refusal(.invalidPartitions, "Topic already has \(count) partition(s).")
        }
        guard asked.count > count else {
            throw Refusal(
                .invalidPartitions,
                "The topic \(asked.name) currently has \(count) partition(s); \(asked.count) would "
                    + "not be an increase."
            )
        }
        let added = asked.count - count
        guard added <= Self.partitionLimit else {
            throw Refusal(
                .invalidPartitions,
                "\(added) partitions are more than the \(Self.partitionLimit) of one request."
            )
        }
        if let assignments = asked.assignments {
            guard assignments.count == Int(added) else {
                throw Refusal(
                    .invalidReplicaAssignment,
                    "Attempted to add \(added) additional partition(s), but only "
                        + "\(assignments.count) assignment(s) were specified."
                )
            }
            for assignment in assignments { try check(replicas: assignment.brokerIDs) }
        }
        try refusing { () throws(BrokerError) in
            try broker.growTopic(asked.name, to: asked.count, validateOnly: validateOnly)
        }
    }
}
