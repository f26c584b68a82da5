import Glibc
import JobRunner
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

    init(topic: String, recordCount: Int = 0, nullKeyCount: Int = 0) {
        self.topic = topic
        self.recordCount = recordCount
        self.nullKeyCount = nullKeyCount
    }

    /// Reads the files of a topic as far as they are whole: its owner may be writing them.
    static func read(_ topic: DirectoryFacts.Topic, in directory: String) -> KeySample {
        var sample = KeySample(topic: topic.name)
        for index in topic.byteCounts.indices.prefix(partitionLimit) {
            let folder = "\(directory)/\(topic.name)-\(index)"
            let segments = Folder.names(in: folder).filter { $0.hasSuffix(".log") }.sorted()
            guard let newest = segments.last else { continue }
            do throws(DiskError) {
                let file = try PosixDisk().open("\(folder)/\(newest)", .read)
                defer { file.close() }
                try sample.add(file)
            } catch {
                // Removed by retention meanwhile, or not to be read: no part of the sample, and
                // what cannot be read is told by those who open it.
                continue
            }
        }
        return sample
    }

    private mutating func add(_ file: any DiskFile) throws(DiskError) {
        let byteCount = try file.byteCount()
        var scanner = EntryScanner(file: file, to: min(byteCount, Self.byteLimit))
        var decompressor = RecordDecompressor()
        let limit = recordCount + Self.recordLimit
        while recordCount < limit {
            guard case .entry(let entry) = try scanner.next() else { return }
            if case .batch(let batch) = entry, batch.attributes.isControl {
                scanner.advance(by: entry.byteCount)
                continue
            }
            do throws(RecordBatchError) {
                try entry.forEachRecord(&decompressor) { record in
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
