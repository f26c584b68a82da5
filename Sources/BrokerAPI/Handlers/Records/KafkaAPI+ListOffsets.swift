import Broker
import KafkaWire
import LogModel
import LogStorage

/// ListOffsets 1-11: the ends, the largest timestamp, or the first record at or after a time.
/// Nothing is kept on a second tier: everything is local, and no offset is the last one uploaded or
/// the first one to be.
extension KafkaAPI {
    private typealias Asked = ListOffsetsRequest.ListOffsetsPartition
    private typealias Answer = ListOffsetsResponse.ListOffsetsPartitionResponse

    private static let latest: Int64 = -1
    private static let earliest: Int64 = -2
    private static let largestTimestamp: Int64 = -3
    private static let earliestLocal: Int64 = -4
    private static let latestTiered: Int64 = -5
    private static let earliestPendingUpload: Int64 = -6

    func listOffsets(_ request: ListOffsetsRequest, _ call: APICall) -> ListOffsetsResponse {
        let isolation = IsolationLevel(wire: request.isolationLevel)
        let known = broker.topicSnapshot()
        var response = ListOffsetsResponse()
        response.topics = request.topics.map { topic in
            var counts: [Int32: Int] = [:]
            for partition in topic.partitions { counts[partition.partitionIndex, default: 0] += 1 }
            var repeated: [Answer] = []
            var answers: [Answer] = []
            for asked in topic.partitions {
                let count = counts[asked.partitionIndex] ?? 0
                if count > 1 {
                    repeated.append(Self.failure(.invalidRequest, asked))
                    counts[asked.partitionIndex] = 0
                } else if count == 1 {
                    answers.append(answer(asked, topic.name, known, isolation, call.version))
                }
            }
            return .init(name: topic.name, partitions: repeated + answers)
        }
        return response
    }

    private func answer(
        _ asked: Asked,
        _ topic: String,
        _ known: TopicSnapshot,
        _ isolation: IsolationLevel,
        _ version: Int16
    ) -> Answer {
        let name = TopicPartition(topic, PartitionIndex(asked.partitionIndex))
        do throws(BrokerError) {
            let partition = try known.find(name)
            let code = partition.refusal(ofLeaderEpoch: asked.currentLeaderEpoch)
            guard code == .none else { return Self.failure(code, asked) }
            return try look(asked, partition, isolation, version)
        } catch {
            return Self.failure(error.code, asked)
        }
    }

    /// What is missing in front of all that is there, or behind it, may be what was asked for.
    private func refuseDamaged(_ partition: Partition, isBegin: Bool) throws(BrokerError) {
        let bounds = try partition.bounds
        try partition.refuseDamaged(
            at: isBegin ? bounds.logStart.advanced(by: -1) : bounds.logEnd,
            bounds
        )
    }

    private func look(
        _ asked: Asked,
        _ partition: Partition,
        _ isolation: IsolationLevel,
        _ version: Int16
    ) throws(BrokerError) -> Answer {
        var answer = Answer()
        answer.partitionIndex = asked.partitionIndex
        switch asked.timestamp {
        case Self.latest:
            let bounds = try partition.bounds
            try refuseDamaged(partition, isBegin: false)
            answer.offset =
                (isolation == .readCommitted ? bounds.lastStableOffset : bounds.highWatermark)
                .rawValue
        case Self.latestTiered where version >= 9, Self.earliestPendingUpload where version >= 11:
            return answer
        case Self.earliest,
            Self.earliestLocal where version >= 8:
            let bounds = try partition.bounds
            try refuseDamaged(partition, isBegin: true)
            answer.offset = bounds.logStart.rawValue
        case Self.largestTimestamp where version >= 7:
            let found = try partition.largestTimestamp(isolation: isolation)
            try refuseDamaged(partition, isBegin: true)
            try refuseDamaged(partition, isBegin: false)
            guard let found else { return answer }
            answer.offset = found.offset.rawValue
            answer.timestamp = found.timestamp.rawValue
        case 0...:
            let found = try partition.record(
                atOrAfter: Timestamp(asked.timestamp),
                isolation: isolation
            )
            guard let found else {
                try refuseDamaged(partition, isBegin: false)
                return answer
            }
            if found.offset == (try partition.bounds).logStart {
                try refuseDamaged(partition, isBegin: true)
            }
            answer.offset = found.offset.rawValue
            answer.timestamp = found.timestamp.rawValue
        default: return Self.failure(.unsupportedVersion, asked)
        }
        if version >= 4 {
            answer.leaderEpoch = partition.leaderEpoch(at: Offset(answer.offset)).rawValue
        }
        return answer
    }

    private static func failure(_ code: KafkaErrorCode, _ asked: Asked) -> Answer {
        var answer = Answer()
        answer.partitionIndex = asked.partitionIndex
        answer.errorCode = code.rawValue
        return answer
    }
}

extension IsolationLevel {
    /// Kafka takes every number but 1 for read_uncommitted.
    init(wire: Int8) { self = wire == 1 ? .readCommitted : .readUncommitted }
}
