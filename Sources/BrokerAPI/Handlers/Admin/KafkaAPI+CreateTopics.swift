import Broker
import Coordination
import KafkaWire
import LogModel

/// CreateTopics: each topic by itself, so that one that is refused stops no other.
extension KafkaAPI {
    func createTopics(_ request: CreateTopicsRequest, _ call: APICall) -> CreateTopicsResponse {
        var counts: [ExactText: Int] = [:]
        for topic in request.topics { counts[ExactText(topic.name), default: 0] += 1 }
        var response = CreateTopicsResponse()
        let refusal = tooMany(request.topics)
        for topic in request.topics where counts[topic.name] == 1 {
            response.topics.append(
                refusal.map { Self.refused(topic.name, $0) }
                    ?? create(topic, call, validateOnly: request.validateOnly)
            )
        }
        for name in counts.filter({ $0.value > 1 }).keys.sorted() {
            let refusal = Refusal(.invalidRequest, "Duplicate topic name.")
            response.topics.append(Self.refused(name.text, refusal))
        }
        return response
    }

    private func create(
        _ topic: CreateTopicsRequest.CreatableTopic,
        _ call: APICall,
        validateOnly: Bool
    ) -> CreateTopicsResponse.CreatableTopicResult {
        do throws(Refusal) {
            try check(name: topic.name)
            let count = try partitionCount(of: topic)
            let options = try TopicOptionRules.created(
                topic.configs.map { ($0.name, $0.value) },
                defaults: configuration.topicDefaults,
                byOwner: call.connection.isOwner
            )
            var result = CreateTopicsResponse.CreatableTopicResult(
                name: topic.name,
                errorMessage: nil,
                numPartitions: count,
                replicationFactor: 1,
                configs: TopicOption.described(options, configuration.topicDefaults).map { option in
                    CreateTopicsResponse.CreatableTopicConfigs(
                        name: option.name,
                        value: option.value,
                        configSource: option.source.rawValue
                    )
                }
            )
            let id = broker.makeTopicID()
            try refusing { () throws(BrokerError) in
                try broker.createTopic(
                    topic.name,
                    id: id,
                    partitionCount: count,
                    options: options,
                    validateOnly: validateOnly
                )
            }
            if !validateOnly { result.topicID = id }
            return result
        } catch {
            return Self.refused(topic.name, error)
        }
    }

    /// Kafka's answer to all topics of a request that asks for too many partitions together.
    private func tooMany(_ topics: [CreateTopicsRequest.CreatableTopic]) -> Refusal? {
        var left = Int(Self.partitionLimit)
        for topic in topics {
            let count =
                topic.numPartitions >= 0
                ? Int(topic.numPartitions)
                : max(topic.assignments.count, Int(configuration.defaultPartitionCount))
            guard count <= left else {
                return Refusal(
                    .policyViolation,
                    "Excessively large number of partitions per request."
                )
            }
            left -= count
        }
        return nil
    }

    /// What speaks against a topic of this name, before anything is made.
    private func check(name: String) throws(Refusal) {
        guard name != Self.metadataTopic else {
            throw Refusal(
                .invalidRequest,
                "Creation of internal topic \(name) is prohibited."
            )
        }
        if let problem = TopicName.problem(with: name) { throw Refusal(.invalidTopic, problem) }
        let topics = broker.topics().map(\.name)
        if topics.contains(name) || InternalTopic(rawValue: name) != nil {
            throw Refusal(.topicAlreadyExists, "Topic '\(name)' already exists.")
        }
        if let other = TopicName.collision(of: name, with: topics) {
            throw Refusal(
                .invalidTopic,
                "Topic '\(name)' collides with existing topic: \(other)"
            )
        }
    }

    private func partitionCount(
        of topic: CreateTopicsRequest.CreatableTopic
    ) throws(Refusal) -> Int32 {
        guard topic.assignments.isEmpty else { return try assignedCount(of: topic) }
        guard topic.replicationFactor == -1 || topic.replicationFactor > 0 else {
            throw Refusal(
                .invalidReplicationFactor,
                "Replication factor must be larger than 0, or -1 to use the default value."
            )
        }
        guard topic.replicationFactor <= 1 else {
            throw Refusal(
                .invalidReplicationFactor,
                "Unable to replicate the partition \(topic.replicationFactor) time(s): The target "
                    + "replication factor of \(topic.replicationFactor) cannot be reached because "
                    + "only 1 broker(s) are registered."
            )
        }
        guard topic.numPartitions == -1 || topic.numPartitions > 0 else {
            throw Refusal(
                .invalidPartitions,
                "Number of partitions was set to an invalid non-positive value."
            )
        }
        return topic.numPartitions == -1
            ? configuration.defaultPartitionCount : topic.numPartitions
    }

    /// Partitions that a client may make at once: each costs a folder.
    static var partitionLimit: Int32 { 10_000 }
    /// Where a node of Kafka keeps what there is: clients know it as no topic like others.
    private static let metadataTopic = "__cluster_metadata"

    private func assignedCount(
        of topic: CreateTopicsRequest.CreatableTopic
    ) throws(Refusal) -> Int32 {
        guard topic.replicationFactor == -1 else {
            throw Refusal(
                .invalidRequest,
                "A manual partition assignment was specified, but replication factor was not "
                    + "set to -1."
            )
        }
        guard topic.numPartitions == -1 else {
            throw Refusal(
                .invalidRequest,
                "A manual partition assignment was specified, but numPartitions was not set to -1."
            )
        }
        let indexes = topic.assignments.map(\.partitionIndex).sorted()
        guard indexes == Array(0..<Int32(indexes.count)) else {
            throw Refusal(
                .invalidReplicaAssignment,
                "partitions should be a consecutive 0-based integer sequence"
            )
        }
        for assignment in topic.assignments { try check(replicas: assignment.brokerIDs) }
        return Int32(indexes.count)
    }

    /// A partition has one replica, here.
    func check(replicas: [Int32]) throws(Refusal) {
        guard replicas == [configuration.nodeID] else {
            throw Refusal(
                .invalidReplicaAssignment,
                "The manual partition assignment does not consist of broker "
                    + "\(configuration.nodeID) alone, the only one there is."
            )
        }
    }

    private static func refused(
        _ name: String,
        _ refusal: Refusal
    ) -> CreateTopicsResponse.CreatableTopicResult {
        CreateTopicsResponse.CreatableTopicResult(
            name: name,
            errorCode: refusal.code.rawValue,
            errorMessage: refusal.message,
            configs: []
        )
    }

    /// What the log refuses, for the client.
    func refusing<Value>(
        _ body: () throws(BrokerError) -> Value
    ) throws(Refusal) -> Value {
        do throws(BrokerError) { return try body() } catch {
            throw Refusal(error.code, error.description)
        }
    }
}
