import Bytes
import LogModel
import LogStorage

/// Reads `__cluster_metadata`: its newest snapshot, then the log from there on.
enum MetadataLog {
    private static let snapshotSuffix = ".checkpoint"

    static func read(
        _ partition: KafkaPartition,
        disk: any Disk
    ) throws(KafkaDirectoryError) -> ClusterMetadata {
        var replay = Replay()
        return try onDisk { () throws(DiskError) in
            let start = try readSnapshot(of: partition, disk: disk, into: &replay)
            if let first = partition.segments.first?.baseOffset, first > start {
                replay.metadata.noteDamage(
                    "the records before offset \(first.rawValue) are in no snapshot that is here"
                )
            }
            var reader = PartitionReader(partition, disk: disk)
            while let entry = try reader.next() {
                if entry.lastOffset >= start { replay.take(entry, from: start) }
            }
            for finding in reader.findings {
                // A torn tail is what no controller has counted on.
                switch finding.severity {
                case .damage: replay.metadata.noteDamage(finding.description)
                case .note: replay.metadata.problems.append(finding.description)
                }
            }
            return replay.metadata
        }
    }

    /// Reads the newest snapshot; the offset in the log that it stands for.
    private static func readSnapshot(
        of partition: KafkaPartition,
        disk: any Disk,
        into replay: inout Replay
    ) throws(DiskError) -> Offset {
        let newest = try disk.list(partition.path)
            .compactMap { name in snapshotOffset(of: name).map { (name, $0) } }
            .max { ($0.1, $0.0) < ($1.1, $1.0) }
        guard let (name, offset) = newest else { return .zero }
        let path = "\(partition.path)/\(name)"
        let file = try disk.open(path, .read)
        defer { file.close() }
        var scanner = EntryScanner(file: file, to: try file.byteCount())
        while true {
            switch try scanner.next() {
            case .entry(let entry):
                replay.take(entry, from: .zero)
                scanner.advance(by: entry.byteCount)
            case .end: return offset
            case .bad(let reason):
                replay.metadata.noteDamage("\(path), byte \(scanner.position): \(reason)")
                return offset
            }
        }
    }

    /// The offset in `00000000000000000042-0000000001.checkpoint`: offset, then epoch.
    private static func snapshotOffset(of name: String) -> Offset? {
        guard name.hasSuffix(snapshotSuffix) else { return nil }
        let parts = name.dropLast(snapshotSuffix.count).split(separator: "-")
        guard parts.count == 2, parts[0].utf8.count == 20, Int32(parts[1]) != nil else {
            return nil
        }
        return Int64(parts[0]).map { Offset($0) }
    }

    /// The records of batches, in order; those of an aborted metadata transaction are undone.
    private struct Replay {
        var metadata = ClusterMetadata()
        private var beforeTransaction: ClusterMetadata?
        private var decompressor = DecompressorBox()

        mutating func take(_ entry: StoredEntry, from start: Offset) {
            guard !entry.isControl else { return }
            do throws(RecordBatchError) {
                let box = decompressor
                try entry.forEachRecord(&box.value) { record in
                    guard record.offset >= start, let value = record.value else { return }
                    apply(value, at: record.offset)
                }
            } catch {
                metadata.noteDamage("metadata at offset \(entry.firstOffset.rawValue): \(error)")
            }
        }

        private mutating func apply(_ value: UnsafeRawBufferPointer, at offset: Offset) {
            switch ClusterMetadata.transactionStep(of: value) {
            case .begin: beforeTransaction = metadata
            case .end: beforeTransaction = nil
            case .abort:
                if let before = beforeTransaction { metadata = before }
                beforeTransaction = nil
            case nil:
                do throws(WireError) { try metadata.apply(value) } catch {
                    metadata.noteDamage(
                        "metadata at offset \(offset.rawValue) cannot be read: \(error)"
                    )
                }
            }
        }
    }

    /// A decompressor that a copyable value can keep.
    private final class DecompressorBox {
        var value = RecordDecompressor()
    }
}
