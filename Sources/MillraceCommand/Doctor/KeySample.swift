import DirectoryAccess
import Glibc
import KafkaDirectory
import LogModel
import LogStorage
import Terminal

/// How many of a topic's records have no key, of some at the beginning of its newest segments.
struct KeySample: Equatable {
    let topic: String
    private(set) var recordCount = 0
    private(set) var nullKeyCount = 0

    private static let partitionLimit = 4
    private static let recordLimit = 500
    private static let byteLimit: Int64 = 1 << 20
    /// So far into a segment it is looked for records that are not deleted.
    private static let skippedByteLimit: Int64 = 64 << 20

    init(topic: String, recordCount: Int = 0, nullKeyCount: Int = 0) {
        self.topic = topic
        self.recordCount = recordCount
        self.nullKeyCount = nullKeyCount
    }

    /// Reads the files of a topic as far as they are whole: its owner may be writing them. What
    /// lies below the log start of a partition, where that is known, is deleted, though it is
    /// there.
    static func read(
        _ topic: DirectoryFacts.Topic,
        in directory: String,
        logStarts: [TopicPartition: Offset] = [:]
    ) -> KeySample {
        var sample = KeySample(topic: topic.name)
        for index in topic.byteCounts.indices.prefix(partitionLimit) {
            let folder = "\(directory)/\(topic.name)-\(index)"
            let segments = Folder.names(in: folder).filter { $0.hasSuffix(".log") }.sorted()
            guard let newest = segments.last else { continue }
            let partition = TopicPartition(topic.name, PartitionIndex(Int32(clamping: index)))
            do throws(DiskError) {
                let file = try PosixDisk().open("\(folder)/\(newest)", .read)
                defer { file.close() }
                try sample.add(file, from: logStarts[partition] ?? .zero)
            } catch {
                // Removed by retention meanwhile, or not to be read: no part of the sample, and
                // what cannot be read is told by those who open it.
                continue
            }
        }
        return sample
    }

    private mutating func add(_ file: any DiskFile, from start: Offset) throws(DiskError) {
        let end = min(try file.byteCount(), Self.skippedByteLimit)
        var scanner = EntryScanner(file: file, to: end)
        var decompressor = RecordDecompressor()
        let limit = recordCount + Self.recordLimit
        var bytesLeft = Self.byteLimit
        while recordCount < limit, bytesLeft > 0 {
            guard case .entry(let entry) = try scanner.next() else { return }
            guard !entry.isControl, entry.lastOffset >= start else {
                scanner.advance(by: entry.byteCount)
                continue
            }
            bytesLeft -= Int64(entry.byteCount)
            do throws(RecordBatchError) {
                try entry.forEachRecord(&decompressor) { record in
                    guard record.offset >= start else { return }
                    recordCount += 1
                    if record.key == nil { nullKeyCount += 1 }
                }
            } catch { return }
            scanner.advance(by: entry.byteCount)
        }
    }

    /// What a topic's mixture means. One whose records all lack a key, or all have one, is as its
    /// producers want it.
    func finding(directory: String) -> Finding? {
        guard nullKeyCount > 0, nullKeyCount < recordCount else { return nil }
        return .note(
            "keys",
            "\(grouped(nullKeyCount)) of \(counted(recordCount, "record")) looked at in \(topic) "
                + (nullKeyCount == 1 ? "has" : "have") + " no key",
            why: "counts, joins and tables leave such records out, and a compacted topic refuses "
                + "them",
            next: "see which: "
                + nextCommand(
                    "consume \(argument: topic) --format '%p %o %K %s\\n' --max 1000 --until-end",
                    data: directory
                ) + " | awk '$3 < 0'"
        )
    }
}
