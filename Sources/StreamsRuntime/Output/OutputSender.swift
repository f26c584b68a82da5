import LogClient
import LogModel

/// Hands full batches to the thread's producer and counts what went out. Called once a batch.
final class OutputSender {
    var producer: (any TransactionalProducer)?
    /// Records written to sink topics since the start, aborted ones not counted.
    private(set) var sinkRecordCount: Int64 = 0
    private var uncommittedSinkRecordCount: Int64 = 0
    /// The same of every topic, by name: changelogs and repartition topics too.
    private(set) var recordCounts: [String: Int64] = [:]
    private var uncommittedRecordCounts: [String: Int64] = [:]
    private var byteCount: Int64 = 0
    private let topicsBesideResults: Set<String>

    init(topicsBesideResults: Set<String>) { self.topicsBesideResults = topicsBesideResults }

    func send(_ batch: inout RecordBatchBuilder, to partition: TopicPartition) throws {
        guard let producer else { preconditionFailure("no producer before the first record") }
        let bytes = batch.byteCount
        let records = Int64(batch.recordCount)
        try producer.append(&batch, to: partition)
        byteCount += Int64(bytes)
        uncommittedRecordCounts[partition.topic, default: 0] += records
        if !topicsBesideResults.contains(partition.topic) {
            uncommittedSinkRecordCount += records
        }
    }

    /// Whether bytes were sent that `takeByteCount()` has not told of.
    var hasSent: Bool { byteCount > 0 }

    /// The bytes sent since the last call.
    func takeByteCount() -> Int64 {
        defer { byteCount = 0 }
        return byteCount
    }

    /// What was sent is committed.
    func noteCommitted() {
        sinkRecordCount += uncommittedSinkRecordCount
        uncommittedSinkRecordCount = 0
        for (topic, count) in uncommittedRecordCounts {
            // A job may choose its topics by record.
            guard recordCounts.count < Self.topicLimit || recordCounts[topic] != nil else {
                continue
            }
            recordCounts[topic, default: 0] += count
        }
        uncommittedRecordCounts.removeAll(keepingCapacity: true)
    }

    private static let topicLimit = 1000

    /// What was sent is aborted.
    func forget() {
        uncommittedSinkRecordCount = 0
        uncommittedRecordCounts.removeAll(keepingCapacity: true)
        byteCount = 0
    }
}
