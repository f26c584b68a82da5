import Bytes
package import Broker
import EmbeddedClient
import LogClient
package import LogModel
import LogStorage
import StateStores
package import Streams
package import StreamsRuntime
import Threads

/// A record as a test sends or reads it.
package struct TestRecord: Equatable, Sendable {
    package var key: [UInt8]?
    package var value: [UInt8]?
    package var timestamp: Timestamp
    package var headers: [(name: String, value: [UInt8]?)]
    package var partition: PartitionIndex
    package var offset: Offset

    package init(
        key: [UInt8]?,
        value: [UInt8]?,
        timestamp: Timestamp,
        headers: [(name: String, value: [UInt8]?)],
        partition: PartitionIndex,
        offset: Offset
    ) {
        self.key = key
        self.value = value
        self.timestamp = timestamp
        self.headers = headers
        self.partition = partition
        self.offset = offset
    }

    package static func == (left: TestRecord, right: TestRecord) -> Bool {
        left.key == right.key && left.value == right.value && left.timestamp == right.timestamp
            && left.partition == right.partition && left.offset == right.offset
            && left.headers.elementsEqual(right.headers) {
                $0.name == $1.name && $0.value == $1.value
            }
    }
}

/// Runs a topology on the real engine over the real log, on a simulated disk and a clock that the
/// test turns. Nothing happens by itself: the test says when records are processed, when they are
/// committed, and when the power goes.
package final class TopologyDriver {
    package let time: ManualTimeSource
    package private(set) var disk: SimulatedDisk
    package private(set) var stores: SimulatedStores
    package private(set) var broker: Broker
    private let makeTopology: () throws -> Topology
    /// How the job runs from its next start on.
    package var configuration: StreamsConfiguration
    private var client: EmbeddedClient
    private var application: StreamsApplication
    private var readers: [TopicPartition: Offset] = [:]
    private var generator: SeededGenerator
    private var tellings: Tellings
    /// What the job has told its owner since its last start.
    package var told: [String] { tellings.texts.withLock { $0 } }

    private final class Tellings: Sendable {
        let texts = Lock<[String]>([])
    }

    private static let directory = "/data"

    /// A driver over new, empty topics.
    ///
    /// - Parameters:
    ///   - inputs: the topics that exist before the job starts, with their partitions.
    ///   - time: the clock; one of its own, in 2026, if nil.
    ///   - makeTopology: builds the topology anew for each start of the job.
    package init(
        inputs: [(name: String, partitionCount: Int32)],
        configuration: StreamsConfiguration,
        seed: UInt64,
        time: ManualTimeSource? = nil,
        makeTopology: @escaping () throws -> Topology
    ) throws {
        let time = time ?? ManualTimeSource()
        self.time = time
        disk = SimulatedDisk()
        stores = SimulatedStores()
        generator = SeededGenerator(seed: seed)
        var configuration = configuration
        configuration.checkpointsInline = true
        self.configuration = configuration
        self.makeTopology = makeTopology
        broker = try Self.openBroker(disk, time)
        for input in inputs {
            try broker.createTopic(input.name, partitionCount: input.partitionCount)
        }
        client = EmbeddedClient(broker: broker)
        (application, tellings) = try Self.start(
            try makeTopology(),
            client,
            stores,
            configuration,
            time
        )
    }

    private static func openBroker(
        _ disk: SimulatedDisk,
        _ time: ManualTimeSource
    ) throws -> Broker {
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.internalPartitionCount = 1
        configuration.reservedByteCount = 0
        configuration.journal = .small
        return try Broker.open(
            disk: disk,
            directory: directory,
            configuration: configuration,
            time: time
        )
    }

    private static func start(
        _ topology: Topology,
        _ client: EmbeddedClient,
        _ stores: SimulatedStores,
        _ configuration: StreamsConfiguration,
        _ time: ManualTimeSource
    ) throws -> (StreamsApplication, Tellings) {
        let told = Tellings()
        let application = try StreamsApplication(
            topology: topology,
            client: client,
            engines: stores,
            configuration: configuration,
            time: time,
            pause: { time.advance(milliseconds: Int64($0 / 1_000_000)) },
            tell: { text in told.texts.withLock { $0.append(text) } }
        )
        try application.start()
        return (application, told)
    }

    // MARK: Records in

    /// Appends one record to a topic, durably. Without a partition, the key decides. One that
    /// `isImported` comes from another log, with what producers may not send.
    package func send(
        topic: String,
        key: [UInt8]?,
        value: [UInt8]?,
        timestamp: Timestamp,
        headers: [(name: String, value: [UInt8]?)] = [],
        partition: PartitionIndex? = nil,
        isImported: Bool = false
    ) throws {
        guard let found = broker.topic(topic) else {
            throw TestEngineError("there is no topic \(topic)")
        }
        let count = Int32(found.partitions.count)
        var builder = RecordBatchBuilder(capacity: 512)
        var block = RecordHeaderBlock()
        for header in headers {
            Self.lend(header.value) { block.append(key: header.name, value: $0) }
        }
        let target =
            partition
            ?? key.map { bytes in
                PartitionIndex(bytes.withUnsafeBytes { Bytes.partition(ofKey: $0, count: count) })
            } ?? PartitionIndex(0)
        Self.lend(key) { key in
            Self.lend(value) { value in
                block.withBytes { headers in
                    builder.append(timestamp: timestamp, key: key, value: value, headers: headers)
                }
            }
        }
        let name = TopicPartition(topic, target)
        guard !isImported else {
            let end = try broker.bounds(of: name).logEnd
            try broker.importBatch(builder.seal(baseOffset: end), to: name)
            return try broker.flush([name])
        }
        let outcome = try broker.produce(batch: builder.seal(), to: name, flush: true)
        if case .refused(_, let words) = outcome { throw TestEngineError("\(name): \(words)") }
    }

    private static func lend(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Void) {
        guard let bytes else { return body(nil) }
        bytes.withUnsafeBytes { body($0) }
    }

    /// Deletes a partition's records below an offset, as retention does.
    package func deleteRecords(
        of topic: String,
        _ partition: PartitionIndex = PartitionIndex(0),
        before offset: Offset
    ) throws {
        try broker.deleteRecords(of: TopicPartition(topic, partition), before: offset)
    }

    // MARK: The engine

    /// Lets the job process a little; false when there was nothing to do.
    package func step() throws -> Bool { try application.step() }

    /// Processes and commits until nothing is left, through repartition topics too.
    package func runUntilIdle() throws {
        repeat {
            while try application.step() {}
            try application.commit()
        } while try application.step()
        try application.commit()
    }

    /// Asks the job to stop, as a signal does.
    package func requestStop() { application.stopSwitch.request() }

    /// Commits what was processed.
    package func commit() throws { try application.commit() }

    /// Lets the job process and commit what is there, turns the clock, lets the log do what is due
    /// (timeouts, retention), and the job too.
    package func advance(milliseconds: Int64) throws {
        try runUntilIdle()
        time.advance(milliseconds: milliseconds)
        broker.housekeeping(now: time.wallTime())
        try runUntilIdle()
    }

    /// The power goes: what was not flushed may be lost, as the seed has it; everything starts
    /// again from the disk.
    package func crash() throws {
        try restart(
            disk: disk.crashState(using: &generator),
            stores: stores.crashState(using: &generator)
        )
    }

    /// The process is killed: what was written is there, flushed or not.
    package func kill() throws { try restart(disk: disk.afterKill(), stores: stores.copy()) }

    /// Processes and commits what is there, but the power goes at one of the points of it: before
    /// any operation of the disk or a store. Their numbers go round in `turn`.
    ///
    /// - Returns: how many points there were; with none, nothing was to do, and no power went.
    package func crashInCommit(turn: Int) throws -> Int {
        typealias Moment = (disk: SimulatedDisk, stores: SimulatedStores)
        let moments = Lock<[Moment]>([])
        let (disk, stores) = (disk, stores)
        let look = { @Sendable in
            let moment = (disk.copy(), stores.copy())
            moments.withLock { $0.append(moment) }
        }
        disk.onOperation { _, _, _ in look() }
        stores.onOperation { _ in look() }
        defer {
            disk.onOperation(nil)
            stores.onOperation(nil)
        }
        try runUntilIdle()
        let found = moments.withLock { $0 }
        guard !found.isEmpty else { return 0 }
        let moment = found[turn % found.count]
        try restart(
            disk: moment.disk.crashState(using: &generator),
            stores: moment.stores.crashState(using: &generator)
        )
        return found.count
    }

    /// The process is killed, and the disk that held the stores is lost.
    package func loseStores() throws {
        try restart(disk: disk.afterKill(), stores: stores.wipedOut())
    }

    /// A clean end and a new start.
    package func restartCleanly() throws {
        try application.close()
        try broker.close()
        try restart(disk: disk, stores: stores)
    }

    private func restart(disk: SimulatedDisk, stores: SimulatedStores) throws {
        self.disk = disk
        self.stores = stores
        broker = try Self.openBroker(disk, time)
        client = EmbeddedClient(broker: broker)
        (application, tellings) = try Self.start(
            try makeTopology(),
            client,
            stores,
            configuration,
            time
        )
    }

    // MARK: Records out

    /// The committed records of a topic that were not read before, by partition and offset.
    package func read(_ topic: String) throws -> [TestRecord] {
        guard let found = broker.topic(topic) else {
            throw TestEngineError("there is no topic \(topic)")
        }
        var records: [TestRecord] = []
        for partition in found.partitions {
            var reader = CommittedReader(
                partition: partition.name,
                position: readers[partition.name] ?? .zero,
                fetchByteCount: 64 << 10
            )
            while try reader.fetch(from: client) {
                while var batch = try reader.nextBatch() {
                    while let record = try batch.records.next() {
                        let offset = Offset(batch.baseOffset + Int64(record.offsetDelta))
                        guard offset >= reader.position else { continue }
                        let time =
                            batch.sharedTimestamp
                            ?? Timestamp(batch.baseTimestamp &+ record.timestampDelta)
                        records.append(
                            TestRecord(
                                key: record.key.map { Array($0) },
                                value: record.value.map { Array($0) },
                                timestamp: time,
                                headers: Self.headers(of: record),
                                partition: partition.name.partition,
                                offset: offset
                            )
                        )
                    }
                    reader.finish(upTo: batch.nextOffset)
                }
            }
            readers[partition.name] = reader.position
        }
        return records
    }

    private static func headers(
        of record: RecordView
    ) -> [(name: String, value: [UInt8]?)] {
        var iterator = RecordHeaderIterator(record.headers)
        var headers: [(name: String, value: [UInt8]?)] = []
        while let header = iterator.next() {
            headers.append(
                (String(decoding: header.key, as: UTF8.self), header.value.map { Array($0) })
            )
        }
        return headers
    }

    /// Every key with a value of a store, over all partitions, by key bytes.
    package func contents(
        ofStore name: String
    ) throws -> [(key: [UInt8], value: [UInt8], timestamp: Timestamp)] {
        try application.contents(ofStore: name)
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    /// What the job counted.
    package var counters: TaskCounters { application.counters }

    /// How often the job went back to what is committed since its last start.
    package var rewindCount: Int64 {
        application.progress.reduce(0) { $0 + $1.snapshot.rewinds }
    }

    /// Offsets of inputs that were deleted before the job came to them.
    package var lostCount: Int64 {
        application.progress.reduce(0) { $0 + $1.snapshot.lostCount }
    }
}

/// Why a test engine cannot do what it was asked.
public struct TestEngineError: Error, CustomStringConvertible, Sendable {
    /// The reason.
    public let description: String
    init(_ description: String) { self.description = description }
}
