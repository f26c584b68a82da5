import Broker
import KafkaWire
import LogModel
import LogStorage

/// OffsetForLeaderEpoch 2-4: where the records of a leader epoch end.
extension KafkaAPI {
    private typealias Asked = OffsetForLeaderEpochRequest.OffsetForLeaderPartition
    private typealias Answer = OffsetForLeaderEpochResponse.EpochEndOffset

    func offsetForLeaderEpoch(
        _ request: OffsetForLeaderEpochRequest,
        _ call: APICall
    ) -> OffsetForLeaderEpochResponse {
        let known = broker.topicSnapshot()
        var response = OffsetForLeaderEpochResponse()
        response.topics = request.topics.map { topic in
            .init(
                topic: topic.topic,
                partitions: topic.partitions.map { answer($0, topic.topic, known) }
            )
        }
        return response
    }

    private func answer(
        _ asked: Asked,
        _ topic: String,
        _ known: TopicSnapshot
    ) -> Answer {
        var answer = Answer()
        answer.partition = asked.partition
        do throws(BrokerError) {
            let partition = try known.find(TopicPartition(topic, PartitionIndex(asked.partition)))
            let code = partition.refusal(ofLeaderEpoch: asked.currentLeaderEpoch)
            answer.errorCode = code.rawValue
            let found = try partition.end(of: LeaderEpoch(asked.leaderEpoch))
            if code == .none, let found {
                if found.epoch == partition.knownLeaderEpoch {
                    // The place of damage is not where the epoch ends.
                    let bounds = try partition.bounds
                    try partition.refuseDamaged(at: bounds.logEnd, bounds)
                }
                answer.leaderEpoch = found.epoch.rawValue
                answer.endOffset = found.end.rawValue
            }
        } catch {
            answer.errorCode = error.code.rawValue
        }
        return answer
    }
}
