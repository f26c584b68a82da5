import Broker
import Bytes
import Coordination
import KafkaWire
import LogModel

/// Metadata 0-13: the one node, and the topics that were asked for. A topic that is not there is
/// made before the answer where settings and request allow it.
extension KafkaAPI {
    private typealias Answer = MetadataResponse.MetadataResponseTopic

    func metadata(_ request: MetadataRequest, _ call: APICall) -> MetadataResponse {
        let address = self.address(for: call.connection)
        var response = MetadataResponse()
        response.brokers = [
            .init(nodeID: configuration.nodeID, host: address.host, port: address.port)
        ]
        response.clusterID = clusterID
        response.controllerID = configuration.nodeID
        response.topics = topics(of: request, call)
        // Only later versions know of topics without a name.
        if call.version < Self.namelessTopicsVersion {
            for index in response.topics.indices where response.topics[index].name == nil {
                response.topics[index].name = ""
            }
        }
        // Nobody is authorized or not: all operations are open.
        if request.includeTopicAuthorizedOperations {
            for index in response.topics.indices
            where !(response.topics[index].name ?? "").isEmpty {
                response.topics[index].topicAuthorizedOperations = Self.topicOperations
            }
        }
        if request.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = Self.clusterOperations
        }
        return response
    }

    /// From here on a topic's name may be null in an answer of Metadata.
    static let namelessTopicsVersion: Int16 = 12

    /// Kafka's bits of what may be done with a topic, and with the cluster.
    static let topicOperations: Int32 = 0b1101_1111_1000
    static let clusterOperations: Int32 = 0b1_1111_1010_0000

    private func topics(of request: MetadataRequest, _ call: APICall) -> [Answer] {
        guard let asked = request.topics, call.version > 0 || !asked.isEmpty else {
            return broker.topics().map(describe)
        }
        let known = broker.topicSnapshot()
        var seen: Set<ExactText> = []
        var failed: [Answer] = []
        var found: [Answer] = []
        for topic in asked {
            let answer: Answer
            if topic.topicID != .zero {
                answer = describe(topicID: topic.topicID, known)
            } else if let name = topic.name {
                guard seen.insert(ExactText(name)).inserted else { continue }
                answer = describe(name: name, known, mayMake: request.allowAutoTopicCreation)
            } else {
                answer = Self.failure(.invalidRequest, name: nil)
            }
            if answer.errorCode == 0 { found.append(answer) } else { failed.append(answer) }
        }
        return failed + found
    }

    private func describe(topicID: UniqueID, _ known: TopicSnapshot) -> Answer {
        if let topic = known.topic(id: topicID) { return describe(topic) }
        var answer = Self.failure(.unknownTopicID, name: nil)
        answer.topicID = topicID
        return answer
    }

    private func describe(name: String, _ known: TopicSnapshot, mayMake: Bool) -> Answer {
        if let topic = known.topic(name) { return describe(topic) }
        if TopicName.problem(with: name) != nil { return Self.failure(.invalidTopic, name: name) }
        guard mayMake, configuration.autoCreatesTopics || InternalTopic(rawValue: name) != nil
        else { return Self.failure(.unknownTopicOrPartition, name: name) }
        do throws(BrokerError) {
            try make(name)
        } catch {
            // Somebody else was first.
            guard case .refused(.topicAlreadyExists, _) = error else {
                return Self.failure(error.code, name: name)
            }
        }
        return broker.topic(name).map(describe)
            ?? Self.failure(.unknownTopicOrPartition, name: name)
    }

    private func make(_ name: String) throws(BrokerError) {
        if let topic = InternalTopic(rawValue: name) {
            try broker.makeInternalTopic(topic)
        } else {
            try broker.createTopic(
                name,
                partitionCount: configuration.defaultPartitionCount,
                options: configuration.topicDefaults.options
            )
        }
    }

    private func describe(_ topic: Topic) -> Answer {
        var answer = Answer()
        answer.name = topic.name
        answer.topicID = topic.id
        answer.isInternal = topic.isInternal
        let node = configuration.nodeID
        answer.partitions = topic.partitions.map { partition in
            var described = MetadataResponse.MetadataResponsePartition()
            described.partitionIndex = partition.name.partition.rawValue
            described.leaderID = node
            described.leaderEpoch = partition.knownLeaderEpoch.rawValue
            described.replicaNodes = [node]
            described.isrNodes = [node]
            return described
        }
        return answer
    }

    private static func failure(_ code: KafkaErrorCode, name: String?) -> Answer {
        var answer = Answer()
        answer.errorCode = code.rawValue
        answer.name = name
        return answer
    }
}
