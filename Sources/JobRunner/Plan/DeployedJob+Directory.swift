import Broker
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
        do throws(LogStorageError) {
            try DataDirectory.checkFormat(disk: PosixDisk(), path: directory)
            definitions = try DataDirectory.topics(disk: PosixDisk(), path: directory)
            emptied = try DataDirectory.emptied(disk: PosixDisk(), path: directory)
        } catch {
            throw CommandFailure(opening: directory, BrokerError(error, in: directory))
        }
        let state = StateFolder.path(in: directory)
        var filled: Set<String> = []
        for name in Folder.names(in: directory) {
            guard let partition = TopicName.partition(ofFolder: name),
                !emptied.contains(partition), Self.hasRecords("\(directory)/\(name)")
            else { continue }
            filled.insert(partition.topic)
        }
        self.init(
            topics: definitions.map(TopicDescription.init),
            filledTopics: filled,
            storeFolders: Set(Folder.names(in: "\(state)/\(job)").compactMap(Self.store)),
            topology: StoredTopology.read(job, in: state)
        )
    }

    /// The store of a folder `<store>-<partition>`.
    private static func store(ofFolder name: String) -> String? {
        guard let dash = name.lastIndex(of: "-"), Int32(name[name.index(after: dash)...]) != nil
        else { return nil }
        return String(name[..<dash])
    }

    /// Whether a segment of the partition has bytes.
    private static func hasRecords(_ folder: String) -> Bool {
        Folder.names(in: folder).contains { name in
            guard name.hasSuffix(".log") else { return false }
            var status = stat()
            return stat("\(folder)/\(name)", &status) == 0 && status.st_size > 0
        }
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

/// Where the stores of all jobs lie.
enum StateFolder {
    /// A partition's folder ends in a number: this is none.
    static func path(in directory: String) -> String { "\(directory)/.millrace/state" }
}
