import Bytes
import LogModel

/// What is said of partitions that the journal or the checkpoint knows and the table of topics does
/// not name, and did not delete: once, until they are others. Their topics' names are told by their
/// folders, where those are there.
///
///     .millrace/unnamed    a sealed file; for each partition that was told: topic id (16 bytes),
///                          partition (4)
struct UnnamedTopics {
    private let files: PartitionFiles
    private let told: SealedFile

    private static let fileName = "unnamed"
    private static let format: UInt32 = 1
    /// More names make no line for people.
    private static let nameLimit = 20

    init(_ files: PartitionFiles) {
        self.files = files
        told = SealedFile(
            Self.fileName,
            format: Self.format,
            disk: files.disk,
            directory: files.directory
        )
    }

    /// The note about these partitions; nil where it was given before, or there are none. It is for
    /// people alone: whatever cannot be read or written for it keeps nothing from opening.
    func note(_ keys: Set<PartitionKey>) -> String? {
        guard !keys.isEmpty else {
            // Should they be missing once more, that is told again. What cannot be removed is
            // replaced by then.
            do throws(DiskError) {
                if try files.disk.kind(of: told.path) != nil { try files.disk.remove(told.path) }
            } catch { return nil }
            return nil
        }
        let content = Self.content(keys)
        let before: [UInt8]?
        // One that cannot be read tells of nothing.
        do throws(LogStorageError) { before = try told.content() } catch { before = nil }
        guard before != content else { return nil }
        let note = words(keys)
        do throws(LogStorageError) { try told.replace(with: content) } catch {
            return "\(note); that this was told could not be noted: \(error)"
        }
        return note
    }

    private func words(_ keys: Set<PartitionKey>) -> String {
        let topics = Set(keys.map(\.topicID))
        let known = names(of: topics)
        var whose = known.prefix(Self.nameLimit).joined(separator: ", ")
        let nameless = topics.count - min(known.count, Self.nameLimit)
        if nameless > 0 {
            let others = nameless == 1 ? "1 topic" : "\(nameless) topics"
            whose += whose.isEmpty ? "\(others) without a folder" : " and \(others) more"
        }
        let count = keys.count == 1 ? "1 partition" : "\(keys.count) partitions"
        return "\(files.path(TopicTable.fileName)) does not name \(whose), of which "
            + "\(files.path(DataDirectory.ownFolder)) knows \(count): nothing of that was changed; "
            + "if it is missed, put the file back as it was; this is told once"
    }

    /// The names of topics, as far as folders bear their marks and can be read.
    private func names(of topics: Set<UniqueID>) -> [String] {
        var found: Set<String> = []
        let folders: [String]
        do throws(DiskError) { folders = try files.disk.list(files.directory) } catch { return [] }
        for folder in folders {
            guard let partition = TopicPartition(folder: folder),
                files.isFolder(folder, ofAny: topics)
            else { continue }
            found.insert(partition.topic)
        }
        return found.sorted()
    }

    private static func content(_ keys: Set<PartitionKey>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(keys.count * 20)
        for key in keys.sorted() {
            withUnsafeBytes(of: key.topicID.high.bigEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: key.topicID.low.bigEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: key.partition.rawValue.bigEndian) { bytes.append(contentsOf: $0) }
        }
        // Of more partitions than a small file names, those that are told are the first.
        return Array(bytes.prefix(SealedFile.contentByteLimit))
    }
}
