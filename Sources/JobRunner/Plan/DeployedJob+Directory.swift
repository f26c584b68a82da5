import Broker
import DirectoryAccess
import Glibc
import LogClient
import LogModel
import LogStorage
import Streams
import StreamsRuntime
import Terminal

extension DeployedJob {
    /// What lies in a data directory, which may be in use: only files are read.
    init(_ job: String, in directory: String) throws(CommandFailure) {
        let definitions: [TopicDefinition]
        let emptied: Set<TopicPartition>
        let offline: [TopicPartition: String]
        do throws(LogStorageError) {
            try DataDirectory.checkFormat(disk: PosixDisk(), path: directory)
            definitions = try DataDirectory.topics(disk: PosixDisk(), path: directory)
            emptied = try DataDirectory.emptied(disk: PosixDisk(), path: directory)
            offline = try DataDirectory.offline(disk: PosixDisk(), path: directory)
        } catch {
            throw CommandFailure(opening: directory, BrokerError(error, in: directory))
        }
        let state = StateFolder.path(in: directory)
        let filled: Set<String>
        do throws(DiskError) {
            filled = try Self.filledTopics(in: directory, without: emptied)
        } catch {
            throw CommandFailure(
                "the plan cannot be made",
                place: directory,
                reason: error.description
            )
        }
        self.init(
            topics: definitions.map(TopicDescription.init),
            filledTopics: filled,
            storeFolders: Set(Folder.names(in: "\(state)/\(job)").compactMap(Self.store)),
            topology: StoredTopology.read(job, in: state)
        )
        self.offline = offline
        commandOptions = "--data \(shellWord(directory))"
    }

    /// The store of a folder `<store>-<partition>`.
    private static func store(ofFolder name: String) -> String? {
        guard let dash = name.lastIndex(of: "-"), Int32(name[name.index(after: dash)...]) != nil
        else { return nil }
        return String(name[..<dash])
    }

    private static func filledTopics(
        in directory: String,
        without emptied: Set<TopicPartition>
    ) throws(DiskError) -> Set<String> {
        let disk = PosixDisk()
        var filled: Set<String> = []
        for name in try disk.list(directory) {
            guard let partition = TopicName.partition(ofFolder: name),
                !emptied.contains(partition), !filled.contains(partition.topic),
                try hasRecords("\(directory)/\(name)", disk)
            else { continue }
            filled.insert(partition.topic)
        }
        return filled
    }

    /// Whether a segment of the partition has bytes.
    private static func hasRecords(_ folder: String, _ disk: PosixDisk) throws(DiskError) -> Bool {
        guard try disk.kind(of: folder) == .directory else { return false }
        for name in try disk.list(folder) where name.hasSuffix(".log") {
            if try disk.byteCount(of: "\(folder)/\(name)") ?? 0 > 0 { return true }
        }
        return false
    }
}

extension TopicDescription {
    /// A topic as the directory's table has it.
    init(_ definition: TopicDefinition) {
        self.init(
            name: definition.name,
            id: definition.id,
            partitionCount: definition.partitionCount,
            isInternal: InternalTopic(rawValue: definition.name) != nil,
            configuration: definition.options
        )
    }
}
