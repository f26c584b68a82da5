import Broker
import EmbeddedClient
import Glibc
import LogClient
import LogModel
import LogStorage

/// What it costs to make a directory with many partitions or much data, and to open it again.
/// Making and opening are parts of their own, so that each can be a process of its own.
package struct DirectoryBenchmark: Sendable {
    package enum Ending: Sendable {
        case close
        /// `kill -9` by the process itself, in the middle of a transaction.
        case kill
    }

    package static let topic = "records"
    private static let recordByteCount = 1000
    /// What one transaction adds to a partition.
    private static let transactionByteCount: Int64 = 256 << 10

    private let partitionCount: Int32
    private let byteCount: Int64

    package init(partitions: Int, byteCount: Int = 0) {
        partitionCount = Int32(partitions)
        self.byteCount = Int64(byteCount)
    }

    // MARK: Create

    /// Where a topic is made; the folder is gone at the end.
    package func folder(in directory: String) -> String {
        "\(directory)/bench-create-\(partitionCount)"
    }

    /// Measures the creation of one topic of so many partitions; cleans up.
    package func create(in directory: String) throws -> BenchmarkFigures {
        let rig = try BenchmarkRig(directory: folder(in: directory))
        let outcome = Result { () throws -> BenchmarkFigures in
            let begin = rig.time.monotonicNanoseconds()
            try rig.broker.createTopic(Self.topic, partitionCount: partitionCount)
            let end = rig.time.monotonicNanoseconds()
            try rig.reopen()
            let found = rig.broker.topic(Self.topic)?.partitions.count ?? 0
            var figures = BenchmarkFigures()
            figures.add("partitions", count: Int64(partitionCount))
            figures.add("milliseconds", nanoseconds: end - begin)
            figures.add("verified", truth: found == Int(partitionCount))
            return figures
        }
        try rig.remove()
        return try outcome.get()
    }

    // MARK: Open

    /// Makes `directory` with the topic and its records. Before the end, `acknowledge` is told how
    /// many records of each partition were committed.
    package func fill(
        _ directory: String,
        ending: Ending,
        acknowledge: (Int64) -> Void
    ) throws {
        let rig = try BenchmarkRig(directory: directory)
        try rig.broker.createTopic(Self.topic, partitionCount: partitionCount)
        let records = byteCount / Int64(partitionCount) / Int64(Self.recordByteCount)
        if records > 0 {
            let producer = try rig.client.makeTransactionalProducer(
                transactionalID: "bench-open",
                transactionTimeout: .seconds(60)
            )
            let step = Self.transactionByteCount / Int64(Self.recordByteCount)
            for first in stride(from: 0, to: records, by: Int(step)) {
                try append(first..<min(first + step, records), producer, rig)
                try producer.commit()
            }
            if ending == .kill { try append(records..<records + step, producer, rig) }
        }
        acknowledge(records)
        switch ending {
        case .close: try rig.broker.close()
        case .kill: kill(getpid(), SIGKILL)
        }
    }

    private func append(
        _ numbers: Range<Int64>,
        _ producer: any TransactionalProducer,
        _ rig: BenchmarkRig
    ) throws {
        let now = rig.time.wallTime()
        var record = NumberedRecord(byteCount: Self.recordByteCount)
        var batch = RecordBatchBuilder(capacity: Int(Self.transactionByteCount) * 2)
        for partition in 0..<partitionCount {
            batch.reset()
            for number in numbers { record.append(number: number, at: now, to: &batch) }
            try producer.append(
                &batch,
                to: TopicPartition(Self.topic, PartitionIndex(partition))
            )
        }
    }

    /// Opens what `fill` made, measures that, and checks that of each partition exactly
    /// `acknowledged` records are there. `bytes_read` counts what the process asked of files,
    /// `disk_bytes_read` what of it came from the disk and not from memory.
    package func open(_ directory: String, acknowledged: Int64) throws -> BenchmarkFigures {
        let time = SystemTimeSource()
        let before = try Self.bytesRead()
        let begin = time.monotonicNanoseconds()
        let rig = try BenchmarkRig(directory: directory)
        let end = time.monotonicNanoseconds()
        let after = try Self.bytesRead()
        let counts = try rig.countNumberedRecords(
            of: Self.topic,
            partitionCount: partitionCount
        )
        try rig.broker.close()
        guard counts.allSatisfy({ $0 == acknowledged }) else {
            throw BenchmarkError("\(counts) records came out, \(acknowledged) of each must")
        }
        var figures = BenchmarkFigures()
        figures.add("partitions", count: Int64(partitionCount))
        figures.add("bytes", count: byteCount)
        figures.add("milliseconds", nanoseconds: end - begin)
        figures.add("bytes_read", count: after.asked - before.asked)
        figures.add("disk_bytes_read", count: after.fromDisk - before.fromDisk)
        figures.add("verified", truth: true)
        return figures
    }

    /// Removes what `fill` made.
    package static func remove(_ directory: String) throws {
        try BenchmarkRig.removeTree(directory)
    }

    /// The kernel's count of what this process read.
    private static func bytesRead() throws -> (asked: Int64, fromDisk: Int64) {
        let file = try PosixDisk().open("/proc/self/io", .read)
        defer { file.close() }
        var text = [UInt8](repeating: 0, count: 512)
        let count = try text.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        var values: [Substring: Int64] = [:]
        for line in String(decoding: text[..<count], as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":")
            guard parts.count == 2 else { continue }
            values[parts[0]] = Int64(parts[1].drop { $0 == " " })
        }
        guard let asked = values["rchar"], let fromDisk = values["read_bytes"] else {
            throw BenchmarkError("/proc/self/io does not say how much was read")
        }
        return (asked, fromDisk)
    }
}
