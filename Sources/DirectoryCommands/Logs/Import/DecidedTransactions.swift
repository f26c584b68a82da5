import Bytes
import Coordination
import KafkaDirectory
import LogModel
import LogStorage

/// The transactions that Kafka's coordinator has decided, from its `__transaction_state`. A broker
/// that was killed may not have written all of their markers; its next start would.
struct DecidedTransactions {
    private var byPartition: [TopicPartition: [PartitionTransactions.Decision]] = [:]
    /// The last one of each producer whose transactions have all ended, in partitions that nothing
    /// names any more.
    private(set) var complete: [ProducerID: PartitionTransactions.Decision] = [:]
    private(set) var findings: [KafkaFinding] = []

    private static let topic = "__transaction_state"

    init(_ directory: KafkaDirectory) throws(DiskError) {
        for partition in directory.partitions(of: Self.topic) {
            try read(partition, disk: directory.disk)
        }
    }

    /// As far as it can be read: a partition that cannot is a finding.
    init(readableIn directory: KafkaDirectory) {
        for partition in directory.partitions(of: Self.topic) {
            do throws(DiskError) { try read(partition, disk: directory.disk) } catch {
                findings.append(.unreadable(partition, error))
            }
        }
    }

    /// What was decided of transactions in a partition, Kafka's own included.
    func decisions(in partition: TopicPartition) -> [PartitionTransactions.Decision] {
        byPartition[partition] ?? []
    }

    private mutating func read(
        _ partition: KafkaPartition,
        disk: any Disk
    ) throws(DiskError) {
        var newest: [ExactText: TransactionMetadata] = [:]
        var decompressor = RecordDecompressor()
        var reader = PartitionReader(partition, disk: disk)
        while let entry = try reader.next() {
            guard !entry.isControl else { continue }
            do throws(RecordBatchError) {
                try entry.forEachRecord(&decompressor) { record in
                    guard record.offset >= partition.logStart, let key = record.key else { return }
                    // A record of a kind that is not known decides nothing.
                    if let found = try? TransactionRecord(key: key, value: record.value) {
                        newest[ExactText(found.transactionalID)] = found.value
                    }
                }
            } catch {
                reader.refuseLast(entry, because: "\(error)")
            }
        }
        findings += reader.findings
        for metadata in newest.values {
            let result: TransactionResult
            switch metadata.state {
            case .prepareCommit, .completeCommit: result = .commit
            case .prepareAbort, .completeAbort: result = .abort
            default: continue
            }
            let isComplete = [.completeCommit, .completeAbort].contains(metadata.state)
            let decision = PartitionTransactions.Decision(
                producerID: metadata.producerID,
                epoch: metadata.epoch,
                result: result,
                clientVersion: metadata.clientVersion,
                time: metadata.lastUpdateTime,
                isComplete: isComplete
            )
            if isComplete { complete[metadata.producerID] = decision }
            for place in metadata.partitions where !isComplete {
                byPartition[place.name, default: []].append(decision)
            }
        }
    }
}
