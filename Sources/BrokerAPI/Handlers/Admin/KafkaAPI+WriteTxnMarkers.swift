import Broker
import KafkaWire
import LogModel

/// WriteTxnMarkers: how a tool ends a transaction that no coordinator knows of.
extension KafkaAPI {
    func writeTxnMarkers(
        _ request: WriteTxnMarkersRequest,
        _ call: APICall
    ) -> WriteTxnMarkersResponse {
        WriteTxnMarkersResponse(
            markers: request.markers.map { marker in
                WriteTxnMarkersResponse.WritableTxnMarkerResult(
                    producerID: marker.producerID,
                    topics: marker.topics.map { topic in
                        WriteTxnMarkersResponse.WritableTxnMarkerTopicResult(
                            name: topic.name,
                            partitions: topic.partitionIndexes.map { index in
                                let name = TopicPartition(topic.name, PartitionIndex(index))
                                return write(marker, to: name)
                            }
                        )
                    }
                )
            }
        )
    }

    private func write(
        _ marker: WriteTxnMarkersRequest.WritableTxnMarker,
        to partition: TopicPartition
    ) -> WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult {
        var result = WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult(
            partitionIndex: partition.partition.rawValue
        )
        do throws(BrokerError) {
            try broker.endTransaction(
                of: ProducerID(marker.producerID),
                epoch: ProducerEpoch(marker.producerEpoch),
                in: partition,
                result: marker.transactionResult ? .commit : .abort,
                coordinatorEpoch: marker.coordinatorEpoch
            )
        } catch {
            result.errorCode = error.code.rawValue
        }
        return result
    }
}
