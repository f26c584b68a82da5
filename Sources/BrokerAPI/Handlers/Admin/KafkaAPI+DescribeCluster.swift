import Broker
import KafkaWire
import LogModel
import LogStorage

/// DescribeCluster and DescribeLogDirs: one node, one directory.
extension KafkaAPI {
    func describeCluster(
        _ request: DescribeClusterRequest,
        _ call: APICall
    ) -> DescribeClusterResponse {
        var response = DescribeClusterResponse(
            endpointType: request.endpointType,
            clusterID: clusterID,
            controllerID: configuration.nodeID
        )
        // 1 asks for brokers, 2 for controllers, which clients do not reach.
        guard request.endpointType == 1 else {
            let isKnown = request.endpointType == 2
            response.endpointType = 1
            response.errorCode =
                isKnown
                ? KafkaErrorCode.mismatchedEndpointType.rawValue
                : KafkaErrorCode.unsupportedEndpointType.rawValue
            response.errorMessage =
                isKnown
                ? "The request was sent to an endpoint of type BROKER, but we wanted an endpoint "
                    + "of type CONTROLLER"
                : "Unsupported endpoint type \(request.endpointType)"
            response.controllerID = -1
            response.clusterID = ""
            return response
        }
        // Of somebody who may not do all, the check in front of this says what he may.
        if request.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = Self.clusterOperations
        }
        let address = self.address(for: call.connection)
        response.brokers = [
            DescribeClusterResponse.DescribeClusterBroker(
                brokerID: configuration.nodeID,
                host: address.host,
                port: address.port
            )
        ]
        return response
    }

    /// The quorum that keeps the cluster's metadata is this node, which keeps them without a log:
    /// the log's end is 0.
    func describeQuorum(
        _ request: DescribeQuorumRequest,
        _ call: APICall
    ) -> DescribeQuorumResponse {
        let now = broker.clock.wallTime().rawValue
        let address = self.address(for: call.connection)
        var response = DescribeQuorumResponse(errorMessage: nil)
        response.topics = request.topics.map { topic in
            .init(
                topicName: topic.topicName,
                partitions: topic.partitions.map { asked in
                    var partition = DescribeQuorumResponse.PartitionData(
                        partitionIndex: asked.partitionIndex,
                        errorMessage: nil
                    )
                    guard topic.topicName == "__cluster_metadata", asked.partitionIndex == 0 else {
                        partition.errorCode = KafkaErrorCode.unknownTopicOrPartition.rawValue
                        return partition
                    }
                    partition.leaderID = configuration.nodeID
                    partition.leaderEpoch = 1
                    partition.currentVoters = [
                        .init(
                            replicaID: configuration.nodeID,
                            lastFetchTimestamp: now,
                            lastCaughtUpTimestamp: now
                        )
                    ]
                    return partition
                }
            )
        }
        // Where they listen is told from version 2 on.
        guard call.version >= 2 else { return response }
        response.nodes = [
            .init(
                nodeID: configuration.nodeID,
                listeners: [
                    .init(
                        name: "PLAINTEXT",
                        host: address.host,
                        port: UInt16(clamping: address.port)
                    )
                ]
            )
        ]
        return response
    }

    func describeLogDirs(
        _ request: DescribeLogDirsRequest,
        _ call: APICall
    ) -> DescribeLogDirsResponse {
        var directory = DescribeLogDirsResponse.DescribeLogDirsResult(logDir: logDirectory)
        if let free = try? broker.disk.freeByteCount(at: broker.directory) {
            directory.usableBytes = free
        }
        if let total = try? broker.disk.totalByteCount(at: broker.directory) {
            directory.totalBytes = total
        }
        let known = broker.topicSnapshot()
        let asked: [(topic: String, partitions: [Int32]?)] =
            request.topics.map { $0.map { ($0.topic, Optional($0.partitions)) } }
            ?? known.all.map { ($0.name, nil) }
        directory.topics = asked.compactMap { name, indexes in
            guard let topic = known.topic(name) else { return nil }
            let wanted = indexes.map { Set($0) }
            let partitions = topic.partitions.filter {
                wanted?.contains($0.name.partition.rawValue) ?? true
            }
            guard !partitions.isEmpty else { return nil }
            return DescribeLogDirsResponse.DescribeLogDirsTopic(
                name: name,
                partitions: partitions.map { partition in
                    DescribeLogDirsResponse.DescribeLogDirsPartition(
                        partitionIndex: partition.name.partition.rawValue,
                        partitionSize: byteCount(of: partition.name)
                    )
                }
            )
        }
        return DescribeLogDirsResponse(results: [directory])
    }

    /// Of the segments in a partition's folder: nothing is opened for it. What cannot be looked at
    /// counts as nothing.
    private func byteCount(of partition: TopicPartition) -> Int64 {
        let folder = "\(broker.directory)/\(partition)"
        guard let names = try? broker.disk.list(folder) else { return 0 }
        var sum: Int64 = 0
        for name in names where name.hasSuffix(".log") {
            sum += (try? broker.disk.byteCount(of: "\(folder)/\(name)")) ?? 0
        }
        return sum
    }
}
