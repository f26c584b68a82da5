import Bytes
import Coordination
import Glibc
import LogModel
import LogStorage
import Synchronization

/// What a broker begins with.
struct RecoveredLog: Sendable {
    var disk: any Disk
    var time: any TimeSource
    var dataDirectory: DataDirectory
    var topics: [String: Topic]
    var coordinator: CoordinatorState
    /// What markers carry: not below that of any marker in the logs.
    var coordinatorEpoch: Int32
    var producerIDFile: ProducerIDFile
    var change: ChangeSignal
    var counters: BrokerCounters
    var reports: [TopicPartition: RecoveryReport]
}

/// Opens a directory: its lock, every partition, then the coordinators' state from their records.
struct BrokerRecovery: ~Copyable {
    private let disk: any Disk
    private let configuration: BrokerConfiguration
    private let time: any TimeSource
    private let dataDirectory: DataDirectory
    private let change = ChangeSignal()
    private let counters = BrokerCounters()

    init(
        disk: any Disk,
        directory: String,
        configuration: BrokerConfiguration,
        time: any TimeSource
    ) throws(BrokerError) {
        self.disk = disk
        self.configuration = configuration
        self.time = time
        var owner = "process \(getpid())"
        if !configuration.ownerNote.isEmpty { owner += " (\(configuration.ownerNote))" }
        do throws(LogStorageError) {
            dataDirectory = try DataDirectory.open(disk: disk, path: directory, owner: owner)
        } catch .disk(.locked(_, let owner)) {
            throw .directoryInUse(directory: directory, owner: owner)
        } catch {
            throw BrokerError(error, in: directory)
        }
    }

    /// Gives the directory back after a failure.
    func giveUp() {
        dataDirectory.close()
    }

    func run() throws(BrokerError) -> RecoveredLog {
        var topics: [String: Topic] = [:]
        var reports: [TopicPartition: RecoveryReport] = [:]
        for definition in try definitions() {
            // A directory that Kafka wrote tells no options; its internal topics were compacted.
            let defaults = InternalTopic(rawValue: definition.name)?.options ?? [:]
            let options = defaults.merging(definition.options) { _, own in own }
            var topic = Topic(name: definition.name, options: options, partitions: [])
            for index in 0..<definition.partitionCount {
                let name = TopicPartition(definition.name, PartitionIndex(index))
                let (log, report) = try open(name, options: options)
                reports[name] = report
                topic.partitions.append(
                    Partition(name: name, log: log, change: change, statistics: counters)
                )
            }
            topics[definition.name] = topic
        }
        let file = ProducerIDFile(disk: disk, directory: dataDirectory.path)
        let coordinator = try replayCoordinators(topics, grantedEnd: try file.read())
        return RecoveredLog(
            disk: disk,
            time: time,
            dataDirectory: dataDirectory,
            topics: topics,
            coordinator: coordinator,
            coordinatorEpoch: Self.highestCoordinatorEpoch(topics),
            producerIDFile: file,
            change: change,
            counters: counters,
            reports: reports
        )
    }

    private func definitions() throws(BrokerError) -> [TopicDefinition] {
        do throws(LogStorageError) {
            return try dataDirectory.topics()
        } catch {
            throw BrokerError(error, in: dataDirectory.path)
        }
    }

    private func open(
        _ name: TopicPartition,
        options: [String: String]
    ) throws(BrokerError) -> (PartitionLog, RecoveryReport) {
        do throws(LogStorageError) {
            return try dataDirectory.openPartition(name, options: options, time: time)
        } catch {
            throw BrokerError(error, in: name.description)
        }
    }

    /// Rebuilds both coordinators from the internal topics.
    private func replayCoordinators(
        _ topics: [String: Topic],
        grantedEnd: ProducerID
    ) throws(BrokerError) -> CoordinatorState {
        var replay = LogReplay()
        var records: [TransactionRecord] = []
        for partition in topics[InternalTopic.transactionState.rawValue]?.partitions ?? [] {
            try Self.refuseDamaged(partition)
            try replay.run(over: partition) { item in
                guard case .record(let record, let at, _) = item else { return nil }
                return Self.decode(record, at, of: partition) { key, value throws(WireError) in
                    if let record = try TransactionRecord(key: key, value: value) {
                        records.append(record)
                    }
                }
            }
        }
        var offsets: [GroupOffsets] = []
        for partition in topics[InternalTopic.consumerOffsets.rawValue]?.partitions ?? [] {
            var state = GroupOffsets()
            try Self.refuseDamaged(partition)
            try replay.run(over: partition) { item in
                switch item {
                case .marker(let marker, let producerID):
                    state.end(producerID: producerID, result: marker.result)
                    return nil
                case .record(let record, let at, let producerID):
                    return Self.decode(record, at, of: partition) {
                        key,
                        value throws(WireError) in
                        if let record = try OffsetRecord(key: key, value: value) {
                            state.apply(record, at: at, producerID: producerID)
                        }
                    }
                }
            }
            offsets.append(state)
        }
        let unused = max(grantedEnd, Self.firstUnused(topics, records))
        var transactions = TransactionCoordinator(
            producerIDs: ProducerIDAllocator(grantedEnd: unused),
            maximumTimeoutMilliseconds: configuration.maximumTransactionTimeout
                .wholeMilliseconds
        )
        for record in records { transactions.replay(record) }
        transactions.checkInvariants()
        return CoordinatorState(transactions: transactions, offsets: offsets)
    }

    /// A coordinator that knows only part of its log would decide wrongly.
    private static func refuseDamaged(_ partition: Partition) throws(BrokerError) {
        if let reason = partition.log.readOnlyReason { throw .corrupt(reason) }
    }

    private static func decode(
        _ record: RecordView,
        _ at: Offset,
        of partition: Partition,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws(WireError) -> Void
    ) -> BrokerError? {
        guard let key = record.key else { return nil }
        do throws(WireError) {
            try body(key, record.value)
            return nil
        } catch {
            return .corrupt("\(partition.name) at offset \(at.rawValue): \(error)")
        }
    }

    /// Ours never rises, but a directory that Kafka wrote may begin with a higher one.
    private static func highestCoordinatorEpoch(_ topics: [String: Topic]) -> Int32 {
        topics.values.flatMap(\.partitions).flatMap(\.log.activeProducers)
            .map(\.coordinatorEpoch).reduce(0, max)
    }

    /// An id above all that the logs know: a directory that Kafka wrote has no block of ours.
    private static func firstUnused(
        _ topics: [String: Topic],
        _ records: [TransactionRecord]
    ) -> ProducerID {
        var highest = ProducerID.none
        for value in records.compactMap(\.value) {
            highest = max(highest, value.producerID, value.nextProducerID)
        }
        for partition in topics.values.flatMap(\.partitions) {
            for producer in partition.log.activeProducers {
                highest = max(highest, producer.producerID)
            }
        }
        return ProducerID(highest.rawValue + 1)
    }
}
