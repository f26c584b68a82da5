import Bytes
import Coordination
import KafkaDirectory
import LogModel
import LogStorage

/// The committed positions of groups in Kafka's `__consumer_offsets`, read as its coordinator reads
/// them: a position inside a transaction counts once the transaction is committed or decided to be.
struct GroupImport {
    /// What each group has committed.
    private(set) var positions: [ExactText: [TopicPartition: CommittedOffset]] = [:]
    /// What transactions hold that nobody has decided.
    private(set) var undecided: [ExactText: [TopicPartition]] = [:]
    private(set) var findings: [KafkaFinding] = []
    /// Records that should be positions and cannot be read.
    private(set) var unreadableCount = 0

    private static let topic = "__consumer_offsets"

    init(_ directory: KafkaDirectory, decided: DecidedTransactions) throws(DiskError) {
        for partition in directory.partitions(of: Self.topic) {
            try read(
                partition,
                decided,
                disk: directory.disk
            )
        }
    }

    private mutating func read(
        _ partition: KafkaPartition,
        _ decided: DecidedTransactions,
        disk: any Disk
    ) throws(DiskError) {
        var offsets = GroupOffsets()
        var transactions = PartitionTransactions()
        var decompressor = RecordDecompressor()
        var reader = PartitionReader(partition, disk: disk)
        while let entry = try reader.next() {
            do throws(RecordBatchError) {
                if case .batch(let batch) = entry {
                    try transactions.follow(batch)
                    if let marker = try EndTransactionMarker(batch) {
                        offsets.end(
                            producerID: batch.producerID,
                            result: marker.result,
                            at: batch.lastOffset
                        )
                    }
                }
                guard !entry.isControl else { continue }
                let producer = Self.transactionalProducer(of: entry)
                try entry.forEachRecord(&decompressor) { record in
                    guard record.offset >= partition.logStart, let key = record.key else { return }
                    do throws(WireError) {
                        if let commit = try OffsetRecord(key: key, value: record.value) {
                            offsets.apply(commit, at: record.offset, producerID: producer)
                        }
                    } catch { unreadableCount += 1 }
                }
            } catch {
                reader.refuseLast(entry, because: "\(error)")
            }
        }
        findings += reader.findings
        let pendingEnds = transactions.end(
            by: decided.decisions(in: partition.name),
            complete: decided.complete,
            at: reader.nextOffset,
            isWhole: !reader.findings.contains { $0.severity == .damage }
        )
        findings += transactions.openThoughEnded(decided.complete, before: reader.nextOffset)
            .map { .lostEnd(of: $0.producer, at: $0.first, in: partition) }
        for (decision, _) in pendingEnds {
            offsets.end(
                producerID: decision.producerID,
                result: decision.result,
                at: reader.nextOffset
            )
        }
        for (group, partitions) in offsets.pendingPartitions {
            undecided[group, default: []] += partitions
        }
        for group in offsets.groups {
            for position in offsets.partitions(of: group) {
                positions[ExactText(group), default: [:]][position] = offsets.latest(
                    of: position,
                    group: group
                )
            }
        }
    }

    private static func transactionalProducer(of entry: StoredEntry) -> ProducerID {
        guard case .batch(let batch) = entry, batch.attributes.isTransactional else { return .none }
        return batch.producerID
    }

    /// What is to be committed here: positions in partitions that were brought over, none of them
    /// behind the end of what was brought, all as of `now`, so that a group of an old copy does not
    /// expire at once. A position in an earlier topic of the name stays behind, as does metadata
    /// that is longer than is taken here: Kafka's limit can be raised.
    ///
    /// - Parameter ids: of Kafka's topics, where the directory tells them.
    func commits(
        ends: [TopicPartition: Offset],
        ids: [TopicPartition: UniqueID],
        now: Timestamp
    ) -> (
        offsets: [ExactText: [TopicPartition: CommittedOffset]], cutCount: Int,
        shortened: [ExactText]
    ) {
        var shortened: Set<ExactText> = []
        var result: [ExactText: [TopicPartition: CommittedOffset]] = [:]
        var cutCount = 0
        for (group, values) in positions {
            for (partition, value) in values {
                guard let end = ends[partition] else { continue }
                if let id = ids[partition], value.topicID != .zero, value.topicID != id { continue }
                var value = value
                // Here the topic has an id of its own.
                value.topicID = .zero
                if value.offset > end {
                    value.offset = end
                    cutCount += 1
                }
                if GroupOffsets.check([value]) != .none {
                    value.metadata = ""
                    shortened.insert(group)
                }
                value.leaderEpoch = LeaderEpoch(-1)
                value.commitTime = now
                value.expireTime = .none
                result[group, default: [:]][partition] = value
            }
        }
        return (result, cutCount, shortened.sorted())
    }
}
