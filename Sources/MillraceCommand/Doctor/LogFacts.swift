import ClientCommands
import KafkaClient
import LogClient
import LogModel
import StreamsRuntime
import Terminal

/// What a log says of itself once it is open, here or in the process that owns it.
struct LogFacts {
    var topics: [ShownTopic] = []
    /// Whether all partitions were opened here; an owner tells less of them.
    var areOpened = false
    var transactions: [ClusterTransaction] = []
    /// Transactions in partitions of which no coordinator knows.
    var hanging: [(partition: TopicPartition, start: Offset)] = []
    var lags: [(group: String, lags: [PartitionLag])] = []
    /// The newest record of those at the ends of the partitions.
    var newestRecord: (partition: TopicPartition, time: Timestamp)?

    /// So many partitions are looked into one by one.
    static let partitionLimit = 256

    init(
        of log: ServedLog,
        topics: [ShownTopic],
        areOpened: Bool
    ) throws(CommandFailure) {
        self.topics = topics
        self.areOpened = areOpened
        transactions = try log.transactions().filter(\.isOpen)
        hanging = try Self.hanging(log, topics, transactions)
        let groups = try log.asking("the groups are not told") { cluster throws(KafkaClientError) in
            try cluster.groups().map(\.name)
        }
        lags = try log.lags(ofGroups: groups, withAges: true)
        newestRecord = try Self.newestRecord(log, topics)
    }

    /// The first offset that is not deleted, of the partitions that can be read.
    var logStarts: [TopicPartition: Offset] {
        Dictionary(uniqueKeysWithValues: Self.bounds(topics).map { ($0, $1.logStart) })
    }

    /// The partitions with what is known of their ends, those that can be read.
    private static func bounds(_ topics: [ShownTopic]) -> [(TopicPartition, PartitionBounds)] {
        topics.flatMap { topic in
            topic.partitions.enumerated().compactMap { index, partition in
                partition.bounds.map {
                    (TopicPartition(topic.name, PartitionIndex(Int32(clamping: index))), $0)
                }
            }
        }
    }

    private static func hanging(
        _ log: ServedLog,
        _ topics: [ShownTopic],
        _ known: [ClusterTransaction]
    ) throws(CommandFailure) -> [(partition: TopicPartition, start: Offset)] {
        var found: [(partition: TopicPartition, start: Offset)] = []
        let held = bounds(topics).filter { $0.1.lastStableOffset < $0.1.highWatermark }
        for (partition, _) in held.prefix(partitionLimit) {
            let what = "the producers of \(partition) are not told"
            let producers = try log.asking(what) { cluster throws(KafkaClientError) in
                try cluster.producers(of: partition)
            }
            for producer in producers {
                guard let start = producer.transactionStart,
                    !known.contains(where: {
                        $0.producerID == producer.producerID && $0.partitions.contains(partition)
                    })
                else { continue }
                found.append((partition, start))
            }
        }
        return found
    }

    /// What stands at the ends of the partitions; the markers of transactions are no records.
    private static func newestRecord(
        _ log: ServedLog,
        _ topics: [ShownTopic]
    ) throws(CommandFailure) -> (partition: TopicPartition, time: Timestamp)? {
        let filled = bounds(topics).filter { $0.1.logStart < $0.1.highWatermark }
            .prefix(partitionLimit)
        var newest: (partition: TopicPartition, time: Timestamp)?
        for (partition, bounds) in filled {
            // A transaction of one record ends with a marker behind it.
            let position = max(bounds.logStart, bounds.highWatermark.advanced(by: -2))
            let what = "the last record of \(partition) is not told"
            let answers = try log.asking(what) { cluster throws(KafkaClientError) in
                try cluster.fetch(
                    [partition: position],
                    isolation: .readUncommitted,
                    byteLimit: 1 << 16,
                    wait: .zero
                )
            }
            guard let answer = answers[partition] else {
                throw CommandFailure(what, reason: "the answer leaves it out")
            }
            guard answer.code == .none,
                let time = answer.records.withUnsafeBytes({
                    FirstRecordTime.find(in: $0, from: position).time
                }),
                time > newest?.time ?? Timestamp(.min)
            else { continue }
            newest = (partition, time)
        }
        return newest
    }
}
