import Broker
import Bytes
import EmbeddedClient
import LogModel
import LogStorage
import MillraceTestKit
import StateStores
import Streams
import StreamsRuntime

/// Counts words through a repartition topic: every update is written.
struct CountJob: StreamJob {
    static let name = "count-words"
    static let lines = Topic("lines", value: .utf8)
    static let counts = Topic("word-counts", key: .utf8, value: .int64)

    var topology: [Statement] {
        stream(Self.lines)
            .flatMapValues { line -> [String] in line.split(separator: " ").map(String.init) }
            .groupBy({ $0 }, via: "by-word", key: .utf8)
            .count(store: "counts")
            .to(Self.counts)
    }
}

/// The job over a broker on a simulated disk, started at whatever the disk and the stores hold.
final class JobRig {
    let time: ManualTimeSource
    let broker: Broker
    let stores: SimulatedStores
    private let application: StreamsApplication

    static let partitionCount: Int32 = 2
    static let changelogTopic = "count-words-counts-changelog"
    static let storePaths = (0..<partitionCount).map { "count-words/counts-\($0)" }

    /// Opens the log only: what a verification looks at first.
    static func openBroker(_ disk: SimulatedDisk, _ time: ManualTimeSource) throws -> Broker {
        try Broker.open(
            disk: disk,
            directory: BrokerWorkload.directory,
            configuration: BrokerWorkload.configuration,
            time: time,
            makeID: CountedIDs(of: BrokerWorkload.directory, on: disk).next
        )
    }

    init(broker: Broker, stores: SimulatedStores, time: ManualTimeSource) throws {
        self.broker = broker
        self.stores = stores
        self.time = time
        var configuration = StreamsConfiguration()
        configuration.checkpointsInline = true
        configuration.commitIntervalMilliseconds = 40
        configuration.checkpointIntervalMilliseconds = 100
        configuration.repartitionPurgeIntervalMilliseconds = 300
        configuration.fetchByteCount = 256
        application = try StreamsApplication(
            topology: Topology(of: CountJob()),
            client: EmbeddedClient(broker: broker),
            engines: stores,
            configuration: configuration,
            time: time,
            pause: { time.advance(milliseconds: Int64($0 / 1_000_000)) }
        )
        try application.start()
    }

    /// Lets the job process a little, and time pass.
    func step() throws -> Bool {
        time.advance(milliseconds: 15)
        return try application.step()
    }

    /// Processes and commits until nothing is left.
    func runUntilIdle() throws {
        repeat {
            while try step() {}
            try application.commit()
        } while try step()
        try application.commit()
    }

    /// Ends in order: the stores are checkpointed.
    func close() throws { try application.close() }

    /// The end of a clean run, without the broker's.
    func finish() throws {
        try runUntilIdle()
        try close()
    }
}

extension Broker {
    /// Appends lines to one partition, durably.
    func send(_ lines: [String], to partition: Int32, at time: Timestamp) throws {
        var bytes = TextBatch.bytes(
            lines,
            at: time,
            producerID: .none,
            epoch: .none,
            sequence: -1,
            isTransactional: false
        )
        _ = try bytes.withUnsafeMutableBytes {
            try produce(
                batch: $0,
                to: TopicPartition(CountJob.lines.name, PartitionIndex(partition)),
                flush: true
            )
        }
    }

    /// The committed updates of a topic of counts, in order, by word. A word has one partition.
    func counts(in topic: String, below end: [Int32: Int64] = [:]) throws -> [String: [Int64]] {
        var counts: [String: [Int64]] = [:]
        for index in 0..<JobRig.partitionCount {
            let partition = TopicPartition(topic, PartitionIndex(index))
            guard self.topic(topic) != nil else { return [:] }
            let start = try bounds(of: partition).logStart
            for batch in try reader(of: partition, .readCommitted).all(from: start).keptData {
                guard batch.base < end[index] ?? .max else { continue }
                try batch.bytes.withUnsafeBytes { bytes in
                    var records = try RecordBatchView(bytes).records()
                    while let record = try records.next() {
                        let word = String(
                            decoding: record.key ?? UnsafeRawBufferPointer(start: nil, count: 0),
                            as: UTF8.self
                        )
                        let value: Int64 = record.value?.baseAddress?.bigEndian(at: 0) ?? -1
                        counts[word, default: []].append(value)
                    }
                }
            }
        }
        return counts
    }
}
