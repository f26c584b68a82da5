import LogModel
package import LogStorage

/// The log directory of a Kafka broker, read and never written: no file is opened for writing, no
/// lock is taken, nothing is created.
///
///     meta.properties                    version 1 with KRaft, 0 in ZooKeeper's time
///     .lock                              locked by the broker while it runs
///     .kafka_cleanshutdown               there after a clean end
///     recovery-point-offset-checkpoint   by partition: everything below was flushed
///     log-start-offset-checkpoint        by partition, where it is not the first segment's
///     cleaner-offset-checkpoint          by partition, where the cleaner has been
///     __cluster_metadata-0/              KRaft's own log: topics and their options
///     <topic>-<partition>/               one folder for each partition
package struct KafkaDirectory: Sendable {
    package let path: String
    package let disk: any Disk
    /// Whether the broker ended cleanly.
    package let isClean: Bool
    /// Every partition, Kafka's own included, by name.
    package let partitions: [KafkaPartition]
    /// What its checkpoint names and has no folder, by name.
    package let lost: [KafkaFinding]
    /// What the metadata log says of topics; nil where there is none.
    package let metadata: ClusterMetadata?
    /// What its broker was told of all topics, as the metadata log has it.
    package let defaults: BrokerDefaults

    static let cleanFile = ".kafka_cleanshutdown"
    static let metadataTopic = "__cluster_metadata"

    /// Reads the folder names, the checkpoints and the metadata log.
    ///
    /// - Throws: `.brokerIsRunning` while a broker has the directory, `.notKafka` for folders of
    ///   another kind.
    package static func open(
        disk: any Disk,
        path: String
    ) throws(KafkaDirectoryError) -> KafkaDirectory {
        switch try onDisk({ () throws(DiskError) in try DirectoryKind.of(path, on: disk) }) {
        case .kafka: break
        case .absent: throw .notKafka("there is no such folder")
        case .empty: throw .notKafka("the folder is empty")
        case .ours: throw .notKafka("it is a data directory of Millrace already")
        case .other:
            throw .notKafka(
                "it has no meta.properties of a Kafka broker: name the folder of log.dirs"
            )
        }
        try refuseRunningBroker(of: path)
        return try read(DirectoryReader(disk: disk, path: path))
    }

    private static func read(
        _ reader: DirectoryReader
    ) throws(KafkaDirectoryError) -> KafkaDirectory {
        let names = try onDisk { () throws(DiskError) in try reader.disk.list(reader.path) }
        let isClean = names.contains(cleanFile)
        let starts = try reader.checkpoint(CheckpointFile.logStart)
        let points = try reader.checkpoint(CheckpointFile.recoveryPoint)
        let cleaned = try reader.checkpoint(CheckpointFile.cleaner)
        let watermarks = try reader.checkpoint(CheckpointFile.highWatermark)
        var partitions: [KafkaPartition] = []
        for folder in names {
            guard let name = KafkaPartition.name(ofFolder: folder),
                var partition = try reader.partition(name)
            else { continue }
            partition.logStart = max(
                starts[name] ?? .zero,
                partition.segments.first?.baseOffset ?? .zero
            )
            partition.checkpointedStart = starts[name]
            partition.recoveryPoint = points[name] ?? .zero
            partition.highWatermark = watermarks[name]
            partition.wasCompacted =
                cleaned[name] != nil || KafkaPartition.compactedTopics.contains(name.topic)
            partition.isClean = isClean
            partitions.append(partition)
        }
        partitions.sort { $0.name < $1.name }
        let log = partitions.first { $0.name.topic == metadataTopic }
        var metadata: ClusterMetadata?
        if let log { metadata = try MetadataLog.read(log, disk: reader.disk) }
        let nodeID = try reader.nodeID()
        let defaults = metadata?.defaults(ofNode: nodeID) ?? BrokerDefaults()
        for index in partitions.indices where metadata != nil {
            let topic = partitions[index].name.topic
            let policy =
                metadata?.topics[topic]?.options["cleanup.policy"]
                ?? defaults.values["cleanup.policy"]
            if KafkaPartition.compacts(policy) { partitions[index].wasCompacted = true }
            partitions[index].isTiered =
                metadata?.topics[topic]?.options["remote.storage.enable"] == "true"
        }
        return KafkaDirectory(
            path: reader.path,
            disk: reader.disk,
            isClean: isClean,
            partitions: partitions,
            lost: lost(
                points.keys.sorted(),
                among: Set(partitions.map(\.name) + names.compactMap(KafkaPartition.leaving)),
                in: reader.path,
                isClean: isClean
            ),
            metadata: metadata,
            defaults: defaults
        )
    }

    /// The partitions that a broker had when it noted `named` and that are not there. It notes them
    /// once a minute and at a clean end: after a kill a topic may have been deleted since, or a
    /// partition moved to another broker.
    private static func lost(
        _ named: [TopicPartition],
        among there: Set<TopicPartition>,
        in path: String,
        isClean: Bool
    ) -> [KafkaFinding] {
        let topics = Set(there.map(\.topic))
        return named.filter { !there.contains($0) && (isClean || topics.contains($0.topic)) }
            .map { partition in
                KafkaFinding(
                    severity: isClean ? .damage : .note,
                    partition: partition,
                    file: "\(path)/\(CheckpointFile.recoveryPoint)",
                    reason: "the broker had this partition, and there is no folder \(partition)"
                        + (isClean
                            ? ": its records are lost"
                            : ": it was moved away just before the end, or is lost")
                )
            }
    }

    /// Fails if a broker holds the directory's lock. Asked again at the end of a long reading, it
    /// tells whether one was started meanwhile.
    package func refuseRunningBroker() throws(KafkaDirectoryError) {
        try Self.refuseRunningBroker(of: path)
    }

    private static func refuseRunningBroker(of path: String) throws(KafkaDirectoryError) {
        guard let holder = try BrokerLock.holder(of: "\(path)/\(BrokerLock.fileName)") else {
            return
        }
        throw .brokerIsRunning(processID: holder > 0 ? holder : nil)
    }

    /// The names of the users' topics, sorted.
    package var topicNames: [String] {
        Set(partitions.lazy.filter { !$0.isInternal }.map(\.name.topic)).sorted()
    }

    /// Whether every partition of `__transaction_state` is here, as far as the metadata log tells
    /// how many there are.
    package var holdsAllDecisions: Bool {
        guard let metadata, metadata.isWhole else { return false }
        let count = metadata.topics["__transaction_state"]?.partitionCount ?? 0
        return partitions(of: "__transaction_state").count >= Int(count)
    }

    /// The folders of a topic's partitions, by number; numbers may be missing.
    package func partitions(of topic: String) -> [KafkaPartition] {
        partitions.filter { $0.name.topic == topic }
    }
}

/// Reads the small files of a directory.
struct DirectoryReader {
    let disk: any Disk
    let path: String

    /// Text files of Kafka's are small; larger ones are something else.
    private static let contentByteLimit: Int64 = 64 << 20

    /// The offsets of a checkpoint file; none where there is no file.
    func checkpoint(_ name: String) throws(KafkaDirectoryError) -> [TopicPartition: Offset] {
        guard let bytes = try content(of: "\(path)/\(name)") else { return [:] }
        guard let offsets = CheckpointFile.offsets(in: bytes) else {
            throw .unreadable("\(path)/\(name) is no offset checkpoint")
        }
        return offsets
    }

    /// The broker's number in `meta.properties`: `node.id` with KRaft, `broker.id` before; nil
    /// where the file is lost or does not say.
    func nodeID() throws(KafkaDirectoryError) -> Int32? {
        guard let bytes = try content(of: "\(path)/meta.properties") else { return nil }
        let properties = DirectoryKind.properties(of: bytes)
        return (properties["node.id"] ?? properties["broker.id"]).flatMap { Int32($0) }
    }

    /// The folder of a partition; nil for a file of that name.
    func partition(_ name: TopicPartition) throws(KafkaDirectoryError) -> KafkaPartition? {
        let folder = "\(path)/\(name)"
        let disk = disk
        let isFolder = try onDisk { () throws(DiskError) in
            try disk.kind(of: folder) == .directory
        }
        guard isFolder else { return nil }
        let segments = try onDisk { () throws(DiskError) in
            try SegmentFiles.segments(in: folder, names: try disk.list(folder), disk: disk)
        }
        let metadata = try content(of: "\(folder)/partition.metadata")
        // It serves one note: one that cannot be read says nothing.
        let epochs = (try? content(of: "\(folder)/leader-epoch-checkpoint")) ?? nil
        return KafkaPartition(
            name: name,
            path: folder,
            topicID: metadata.flatMap(KafkaPartition.topicID),
            segments: segments,
            logStart: .zero,
            epochStart: epochs.flatMap(KafkaPartition.epochStart),
            recoveryPoint: .zero,
            wasCompacted: false,
            isClean: false
        )
    }

    private func content(of path: String) throws(KafkaDirectoryError) -> [UInt8]? {
        let disk = disk
        do throws(DiskError) {
            let file = try disk.open(path, .read)
            defer { file.close() }
            let count = try file.byteCount()
            guard count <= Self.contentByteLimit else { return [] }
            return try Self.read(Int(count), of: file)
        } catch .notFound {
            return nil
        } catch { throw .disk(error) }
    }

    private static func read(_ count: Int, of file: any DiskFile) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(DiskError) in try file.read(into: buffer, at: 0) }
        }
        return Array(bytes.prefix(try read.get()))
    }
}
