import Bytes
import Coordination
import LogModel
import LogStorage

/// What a broker begins with.
struct RecoveredLog: Sendable {
    var topics: [String: Topic] = [:]
    var transactionShards: [TransactionShard] = []
    var offsetShards: [OffsetShard] = []
    var producerIDs: ProducerIDAllocator
    var counters: BrokerCounters
    var notes: [String]
}

/// Rebuilds the coordinators' state from their records, shard by shard: one whose partition cannot
/// be read whole is out of use, by itself.
struct BrokerRecovery {
    private let data: DataDirectory
    private let configuration: BrokerConfiguration
    private let time: any TimeSource
    private let counters = BrokerCounters()
    private var notes: [String]

    init(_ data: DataDirectory, configuration: BrokerConfiguration, time: any TimeSource) {
        self.data = data
        self.configuration = configuration
        self.time = time
        notes = data.notes
    }

    mutating func run() throws(BrokerError) -> RecoveredLog {
        var topics: [String: Topic] = [:]
        for definition in data.topics {
            topics[definition.name] = Topic(
                name: definition.name,
                id: definition.id,
                options: definition.options,
                partitions: Broker.partitions(
                    of: data.partitions(of: definition.id),
                    id: definition.id,
                    counters
                )
            )
        }
        let ids = topics.mapValues(\.id)
        let transactionShards = partitions(.transactionState, topics).map {
            transactionShard($0, ids)
        }
        let offsetShards = partitions(.consumerOffsets, topics).map { offsetShard($0) }
        let granted = try storing(data.path) { () throws(LogStorageError) in
            try data.grantedProducerIDs()
        }
        let highest = transactionShards.compactMap { try? $0.read { $0.highestProducerID } }
            .reduce(ProducerID.none, max)
        return RecoveredLog(
            topics: topics,
            transactionShards: transactionShards,
            offsetShards: offsetShards,
            producerIDs: ProducerIDAllocator(grantedEnd: granted, highestKnown: highest),
            counters: counters,
            notes: notes
        )
    }

    private func partitions(_ topic: InternalTopic, _ topics: [String: Topic]) -> [Partition] {
        topics[topic.rawValue]?.partitions ?? []
    }

    mutating func transactionShard(
        _ partition: Partition,
        _ ids: [String: UniqueID]
    ) -> TransactionShard {
        var coordinator = configuration.coordinator
        do throws(BrokerError) {
            var replay = LogReplay()
            try Self.refuseDamaged(partition)
            try replay.run(over: partition) { item in
                guard case .record(let record, let at, _) = item else { return nil }
                return Self.decode(record, at, of: partition) { key, value throws(WireError) in
                    if let record = try TransactionRecord(key: key, value: value) {
                        coordinator.replay(record)
                    }
                }
            }
            coordinator.resolveTopics { ids[$0] }
            if let words = coordinator.firstContradiction() {
                throw .corrupt("\(partition.name): \(words)")
            }
            return TransactionShard(partition: partition, coordinator: coordinator)
        } catch {
            notes.append(
                "\(partition.name) cannot be read (\(error)): transactional ids whose records lie "
                    + "in it cannot be used"
            )
            return TransactionShard(
                partition: partition,
                coordinator: configuration.coordinator,
                unavailability: error
            )
        }
    }

    mutating func offsetShard(_ partition: Partition) -> OffsetShard {
        var offsets = GroupOffsets()
        var groups: [ExactText: GroupRecord.Value] = [:]
        var consumers: [ExactText: ConsumerGroupReplay] = [:]
        do throws(BrokerError) {
            var replay = LogReplay()
            try Self.refuseDamaged(partition)
            try replay.run(over: partition) { item in
                switch item {
                case .marker(let marker, let at, let producerID):
                    offsets.end(producerID: producerID, result: marker.result, at: at)
                    return nil
                case .record(let record, let at, let producerID):
                    return Self.decode(record, at, of: partition) {
                        key,
                        value throws(WireError) in
                        if let record = try OffsetRecord(key: key, value: value) {
                            offsets.apply(record, at: at, producerID: producerID)
                        } else if let record = try GroupRecord(key: key, value: value) {
                            groups[record.group] = record.value
                        } else if let record = try ConsumerGroupRecord(key: key, value: value) {
                            let group = ExactText(record.group)
                            consumers[group, default: ConsumerGroupReplay()].apply(record)
                        }
                    }
                }
            }
            let now = Moment(nanoseconds: time.monotonicNanoseconds())
            let settings = configuration.groups
            var restored: [ExactText: ClassicGroup] = [:]
            for (id, value) in groups {
                restored[id] = ClassicGroup(
                    id: id.text,
                    settings: settings,
                    restoring: value,
                    now: now
                )
            }
            var restoredConsumers: [ExactText: ConsumerGroup] = [:]
            for (id, replay) in consumers {
                let replayed = replay.group(
                    id: id.text,
                    settings: settings,
                    now: now,
                    wallTime: time.wallTime()
                )
                guard let group = replayed else { continue }
                // A crash may have kept the empty one of an id that went over to the other kind.
                if group.isEmpty, restored[id]?.isEmpty == false { continue }
                restored[id] = nil
                restoredConsumers[id] = group
            }
            return OffsetShard(
                partition: partition,
                offsets: offsets,
                groups: restored,
                consumers: restoredConsumers
            )
        } catch {
            notes.append(
                "\(partition.name) cannot be read (\(error)): groups whose offsets lie in it "
                    + "cannot be used"
            )
            return OffsetShard(partition: partition, offsets: offsets, unavailability: error)
        }
    }

    /// A coordinator that knows only part of its log would decide wrongly.
    private static func refuseDamaged(_ partition: Partition) throws(BrokerError) {
        _ = try storing(partition.name.description) { () throws(LogStorageError) in
            try partition.log.activeProducers
        }
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
            return .corrupt(
                "\(partition.name) at offset \(at.rawValue): a record that no coordinator wrote"
            )
        }
    }
}
