import Broker
import KafkaWire
import LogModel
import LogStorage

/// DeleteRecords: moves the log start of partitions.
extension KafkaAPI {
    func deleteRecords(_ request: DeleteRecordsRequest, _ call: APICall) -> DeleteRecordsResponse {
        DeleteRecordsResponse(
            topics: request.topics.map { topic in
                DeleteRecordsResponse.DeleteRecordsTopicResult(
                    name: topic.name,
                    partitions: topic.partitions.map { partition in
                        let name = TopicPartition(
                            topic.name,
                            PartitionIndex(partition.partitionIndex)
                        )
                        return deleteRecords(of: name, before: partition.offset)
                    }
                )
            }
        )
    }

    private func deleteRecords(
        of name: TopicPartition,
        before offset: Int64
    ) -> DeleteRecordsResponse.DeleteRecordsPartitionResult {
        var result = DeleteRecordsResponse.DeleteRecordsPartitionResult(
            partitionIndex: name.partition.rawValue,
            lowWatermark: -1
        )
        do throws(BrokerError) {
            let partition = try broker.find(name)
            guard InternalTopic(rawValue: name.topic) == nil else {
                throw .refused(.invalidTopic, "\(name) is internal: its records stay")
            }
            guard broker.topic(name.topic)?.options[TopicOptionName.owner] == nil else {
                throw .refused(.policyViolation, "\(name) is a job's own: its records stay")
            }
            let configuration = partition.log.configuration
            guard configuration.deletesOldSegments || !configuration.compacts else {
                throw .refused(.policyViolation, "\(name) keeps its records: it is compacted")
            }
            let bounds = try broker.bounds(of: name)
            // -1 stands for all that readers have.
            let target = offset == -1 ? bounds.highWatermark : Offset(offset)
            guard target >= .zero, target <= bounds.highWatermark else {
                throw .refused(.offsetOutOfRange, "\(name) has no offset \(offset)")
            }
            try broker.deleteRecords(of: name, before: target)
            result.lowWatermark = try broker.bounds(of: name).logStart.rawValue
        } catch {
            result.errorCode = error.code.rawValue
        }
        return result
    }
}
