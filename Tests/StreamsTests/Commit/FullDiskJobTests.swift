import Broker
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import StateStores
import Streams
import Testing
import Threads

@testable import StreamsRuntime

/// A job whose disk has no room: it waits, says so once, costs the disk nothing meanwhile, and
/// goes on by itself.
@Suite struct FullDiskJobTests {
    private struct CopyJob: StreamJob {
        static let name = "copy"
        var topology: [Statement] {
            stream(Streams.Topic("lines", value: .utf8))
                .mapValues { (line: String) -> String in line }
                .to(Streams.Topic("out", value: .utf8))
        }
    }

    private struct CountJob: StreamJob {
        static let name = "count"
        var topology: [Statement] {
            stream(Streams.Topic("lines", key: .utf8, value: .utf8))
                .groupBy({ $0 }, via: "by-line", key: .utf8)
                .count(store: "counts")
                .to(Streams.Topic("out", key: .utf8, value: .int64))
        }
    }

    /// A job over a disk of a simulated size. Used by one thread.
    private final class Rig {
        static let lineCount = 20_000
        static let reserve: Int64 = 1 << 20

        let time = ManualTimeSource()
        let hooked = HookedDisk()
        let broker: Broker
        let application: StreamsApplication
        private(set) var told: Told

        private var disk: SimulatedDisk { hooked.disk }

        init(_ topology: Topology? = nil, partitions: Int32 = 1) throws {
            var configuration = BrokerConfiguration(execution: .inline)
            configuration.internalPartitionCount = 1
            configuration.reservedByteCount = Self.reserve
            configuration.journal = .small
            broker = try Broker.open(
                disk: hooked,
                directory: "/data",
                configuration: configuration,
                time: time
            )
            try broker.createTopic("lines", partitionCount: partitions)
            for index in 0..<partitions { try Self.fill(PartitionIndex(index), broker, time) }
            var streams = StreamsConfiguration()
            streams.checkpointsInline = true
            streams.batchByteLimit = 4096
            let told = Told()
            self.told = told
            let time = time
            application = try StreamsApplication(
                topology: topology ?? Topology(of: CopyJob()),
                client: EmbeddedClient(broker: broker),
                engines: SimulatedStores(),
                configuration: streams,
                time: time,
                pause: { time.advance(milliseconds: Int64($0 / 1_000_000)) },
                tell: { told.add($0) }
            )
            try application.start()
        }

        private static func fill(
            _ partition: PartitionIndex,
            _ broker: Broker,
            _ time: ManualTimeSource
        ) throws {
            let producer = try EmbeddedProducer(broker: broker)
            let lines = TopicPartition("lines", partition)
            var batch = RecordBatchBuilder()
            for n in 0..<lineCount {
                if batch.byteCount > 64 << 10 {
                    try producer.append(&batch, to: lines)
                    batch.reset()
                }
                var value = "line \(n) " + String(repeating: "x", count: 200)
                value.withUTF8 {
                    let bytes = UnsafeRawBufferPointer($0)
                    batch.append(timestamp: time.wallTime(), key: bytes, value: bytes)
                }
            }
            try producer.append(&batch, to: lines)
            try producer.flush()
        }

        var free: Int64 {
            get throws { try disk.freeByteCount(at: "/data") }
        }

        /// Others take what is free, up to `byteCount`.
        func leave(_ byteCount: Int64) throws {
            let large: Int64 = 1 << 40
            disk.setCapacity(large)
            disk.setCapacity(large - (try free) + byteCount)
        }

        /// Steps the job for some seconds of its clock, housekeeping included.
        func run(seconds: Int) throws {
            for _ in 0..<seconds {
                let end = time.monotonicNanoseconds() + 1_000_000_000
                while time.monotonicNanoseconds() < end {
                    if try !application.step() { time.advance(milliseconds: 20) }
                }
                broker.housekeeping(now: time.wallTime())
            }
        }

        /// The committed records of the output.
        func output() throws -> Int {
            try (broker.topic("out")?.partitions ?? []).reduce(0) { try $0 + output($1.name) }
        }

        private func output(_ partition: TopicPartition) throws -> Int {
            var reader = CommittedReader(
                partition: partition,
                position: Offset(0),
                fetchByteCount: 1 << 20
            )
            let client = EmbeddedClient(broker: broker)
            var count = 0
            while try reader.fetch(from: client) {
                while var batch = try reader.nextBatch() {
                    while try batch.records.next() != nil { count += 1 }
                    reader.finish(upTo: batch.nextOffset)
                }
            }
            return count
        }
    }

    /// What a job said.
    private final class Told: Sendable {
        private let lines = Lock<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    @Test func `a disk at its reserve is waited for without a byte of it, and the job goes on`()
        throws
    {
        let rig = try Rig()
        try rig.leave(Rig.reserve + 64 << 10)
        try rig.run(seconds: 5)
        let free = try rig.free
        let aborts = rig.broker.statistics.abortCount
        try rig.run(seconds: 120)
        #expect(try rig.free == free)
        #expect(rig.broker.statistics.abortCount == aborts)
        #expect(rig.told.all.count == 1)
        #expect(rig.told.all.first?.hasPrefix("the disk is full, the job waits for room") == true)
        try rig.leave(1 << 30)
        try rig.run(seconds: 3)
        #expect(try rig.output() == Rig.lineCount)
        #expect(rig.told.all.last == "the job goes on")
        #expect(rig.told.all.count == 2)
    }

    @Test(arguments: [0, 100, 600, 2_000, 20_000, 200_000])
    func `a disk without a free byte does not end the job`(left: Int64) throws {
        let rig = try Rig()
        try rig.leave(left)
        try rig.run(seconds: 120)
        #expect(rig.told.all.count == 1)
        try rig.leave(1 << 30)
        try rig.run(seconds: 70)
        #expect(try rig.output() == Rig.lineCount)
    }

    @Test func `a disk that fills in the middle of a transaction does not end the job`() throws {
        for steps in 1..<12 {
            let rig = try Rig()
            for _ in 0..<steps { _ = try rig.application.step() }
            try rig.leave(0)
            try rig.run(seconds: 100)
            try rig.leave(1 << 30)
            try rig.run(seconds: 70)
            #expect(try rig.output() == Rig.lineCount, "after \(steps) steps")
        }
    }

    @Test(arguments: [0, 1_000])
    func `a thread of two tasks waits with both, and counts every record once`(left: Int64) throws {
        for steps in 1..<6 {
            let rig = try Rig(partitions: 2)
            for _ in 0..<steps { _ = try rig.application.step() }
            try rig.leave(left)
            try rig.run(seconds: 30)
            try rig.leave(1 << 30)
            try rig.run(seconds: 70)
            #expect(try rig.output() == 2 * Rig.lineCount, "after \(steps) steps")
            #expect(rig.application.counters.recordsIn == Int64(2 * Rig.lineCount))
        }
    }

    @Test func `a full disk delays a purge of repartition topics`() throws {
        let rig = try Rig(Topology(of: CountJob()))
        try rig.run(seconds: 3)
        rig.hooked.fill(".journal")
        try rig.run(seconds: 60)
        let progress = rig.application.progress[0].snapshot
        #expect(progress.delayedPurges > 0)
        rig.hooked.onFileOperation(nil)
        try rig.run(seconds: 60)
        let name = TopicPartition("count-by-line-repartition", PartitionIndex(0))
        let bounds = try rig.broker.bounds(of: name)
        #expect(bounds.logStart > Offset(0))
        #expect(try rig.output() == Rig.lineCount)
    }

    @Test func `a job that waits for room ends when it is asked to`() throws {
        let rig = try Rig()
        try rig.leave(0)
        try rig.run(seconds: 5)
        #expect(rig.told.all.count == 1)
        let begin = rig.time.monotonicNanoseconds()
        rig.application.stopSwitch.request()
        try rig.application.run(until: .onRequest)
        try rig.application.close()
        #expect(rig.time.monotonicNanoseconds() - begin < 6_000_000_000)
    }
}
