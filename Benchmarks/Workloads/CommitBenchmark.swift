import Broker
import EmbeddedClient
import LogClient
import LogModel

/// How long a small transaction takes: one record of 100 bytes to each output partition, the
/// offset of one input partition, and the commit. From the first append to the commit's return,
/// the wait for what the last commit left behind included.
package struct CommitBenchmark {
    private static let recordByteCount = 100
    private static let warmUpCount = 5
    private static let group = "bench"
    private static let input = TopicPartition("inputs", PartitionIndex(0))

    private let partitionCount: Int32
    private let transactionCount: Int
    private let directory: String

    package init(partitions: Int, transactions: Int, directory: String) {
        partitionCount = Int32(partitions)
        transactionCount = transactions
        self.directory = directory
    }

    /// Where it works; the folder is gone at its end.
    package var folder: String { "\(directory)/bench-commit-\(partitionCount)" }

    /// Fills, measures, checks, cleans up.
    package func run() throws -> BenchmarkFigures {
        let rig = try BenchmarkRig(directory: folder)
        let outcome = Result { try run(rig) }
        try rig.remove()
        return try outcome.get()
    }

    private func run(_ rig: BenchmarkRig) throws -> BenchmarkFigures {
        try rig.broker.createTopic("inputs", partitionCount: 1)
        try rig.broker.createTopic("outputs", partitionCount: partitionCount)
        let producer = try rig.client.makeTransactionalProducer(
            transactionalID: "bench-commit",
            transactionTimeout: .seconds(60)
        )
        for number in 0..<Self.warmUpCount { try commit(Int64(number), producer, rig) }
        let flushesBefore = rig.broker.statistics.fdatasyncCount
        var spans: [UInt64] = []
        for number in 0..<transactionCount {
            let begin = rig.time.monotonicNanoseconds()
            try commit(Int64(Self.warmUpCount + number), producer, rig)
            spans.append(rig.time.monotonicNanoseconds() - begin)
        }
        let flushes = rig.broker.statistics.fdatasyncCount - flushesBefore
        producer.close()
        try rig.reopen()
        let verified = try verify(rig)
        var figures = BenchmarkFigures()
        figures.add("partitions", count: Int64(partitionCount))
        figures.add("commits", count: Int64(transactionCount))
        figures.add("p50_milliseconds", nanoseconds: BenchmarkFigures.percentile(50, of: spans))
        figures.add("p99_milliseconds", nanoseconds: BenchmarkFigures.percentile(99, of: spans))
        figures.add("fdatasyncs_per_commit", decimal: Double(flushes) / Double(transactionCount))
        figures.add("verified", truth: verified)
        return figures
    }

    private func commit(
        _ number: Int64,
        _ producer: any TransactionalProducer,
        _ rig: BenchmarkRig
    ) throws {
        let now = rig.time.wallTime()
        var record = NumberedRecord(byteCount: Self.recordByteCount)
        var batch = RecordBatchBuilder()
        for partition in 0..<partitionCount {
            batch.reset()
            record.append(number: number, at: now, to: &batch)
            try producer.append(
                &batch,
                to: TopicPartition("outputs", PartitionIndex(partition))
            )
        }
        let position = InputPosition(Offset(number + 1))
        try producer.addOffsets([Self.input: position], group: Self.group)
        try producer.commit()
    }

    /// Every record exactly once for committed readers, and the last offset, after a restart.
    private func verify(_ rig: BenchmarkRig) throws -> Bool {
        let total = Int64(Self.warmUpCount + transactionCount)
        let offsets = try rig.client.committedOffsets(group: Self.group, partitions: [Self.input])
        guard offsets[Self.input] == Offset(total) else {
            throw BenchmarkError("the committed offset is not \(total), as it was left")
        }
        let counts = try rig.countNumberedRecords(of: "outputs", partitionCount: partitionCount)
        guard counts.allSatisfy({ $0 == total }) else {
            throw BenchmarkError("\(counts.min() ?? 0) records came out, \(total) must")
        }
        return true
    }
}
