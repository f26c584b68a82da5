import Broker
import EmbeddedClient
import Glibc
import LogClient
import LogModel
import LogStorage
import RocksStore
import StateStores
import Streams
import StreamsRuntime

/// A log and stores in a folder of their own on a real disk, for one benchmark.
final class BenchmarkRig {
    static let partitionCount: Int32 = 4
    let directory: String
    let time = SystemTimeSource()
    private(set) var client: EmbeddedClient
    private(set) var broker: Broker
    /// The event time of the first records, in milliseconds. Older ones would be due for deletion
    /// as soon as they are written.
    let start: Int64
    private let threadCount: Int
    /// What all stores share.
    let memoryByteCount: Int

    /// A fresh log in `directory`, which must not exist yet.
    init(directory: String, threadCount: Int = 1, memoryByteCount: Int = 1 << 30) throws {
        self.directory = directory
        self.threadCount = threadCount
        self.memoryByteCount = memoryByteCount
        start = time.wallTime().rawValue / 60_000 * 60_000
        broker = try Self.open(directory)
        client = EmbeddedClient(broker: broker)
    }

    /// Closes the log and opens it again.
    func reopen() throws {
        try broker.close()
        broker = try Self.open(directory)
        client = EmbeddedClient(broker: broker)
    }

    /// Stores in the benchmark's folder.
    var storeFactory: RocksStoreFactory {
        RocksStoreFactory(
            directory: "\(directory)/.state",
            options: RocksOptions(
                cacheByteCount: MemoryBudget.cacheByteCount(of: memoryByteCount)
            )
        )
    }

    /// Keeps no more files open than this process may, as the commands do.
    private static func open(_ directory: String) throws -> Broker {
        var configuration = BrokerConfiguration()
        configuration.journal.openFileLimit = DescriptorBudget.kept(of: DescriptorBudget.raise())
        return try Broker.open(
            disk: PosixDisk(),
            directory: directory,
            configuration: configuration
        )
    }

    /// Closes the log and removes the folder.
    func remove() throws {
        try broker.close()
        try Self.removeTree(directory)
    }

    // MARK: Records

    /// Makes a topic, if there is none, and fills it, a quarter of the records a partition, without
    /// timing.
    ///
    /// - Parameter time: a record's event time by its number, in milliseconds from `start`.
    func fill(
        _ topic: String,
        records: Range<Int64>,
        options: [String: String] = [:],
        time: (Int64) -> Int64 = { $0 / 1_000 },
        _ write: (_ number: Int64, _ key: inout ByteSink, _ value: inout ByteSink) throws -> Void
    ) throws {
        if broker.topic(topic) == nil {
            try broker.createTopic(topic, partitionCount: Self.partitionCount, options: options)
        }
        var key = ByteSink()
        var value = ByteSink()
        for partition in 0..<Self.partitionCount {
            let name = TopicPartition(topic, PartitionIndex(partition))
            var batch = RecordBatchBuilder(capacity: 1 << 20)
            for number in stride(
                from: records.lowerBound + Int64(partition),
                to: records.upperBound,
                by: Int(Self.partitionCount)
            ) {
                key.removeAll()
                value.removeAll()
                try write(number, &key, &value)
                batch.append(
                    timestamp: Timestamp(start + time(number)),
                    key: key.bytes,
                    value: value.bytes
                )
                if batch.byteCount > 512 << 10 {
                    try append(&batch, to: name)
                }
            }
            if !batch.isEmpty { try append(&batch, to: name) }
            try broker.flush([name])
        }
    }

    private func append(_ batch: inout RecordBatchBuilder, to name: TopicPartition) throws {
        let outcome = try broker.produce(batch: batch.seal(), to: name, flush: false)
        guard case .appended = outcome else { throw BenchmarkError("\(name): \(outcome)") }
        batch.reset()
    }

    /// Calls `body` with every committed record of a topic, partition by partition.
    func forEachRecord(
        of topic: String,
        partitionCount: Int32 = BenchmarkRig.partitionCount,
        _ body: (PartitionIndex, RecordView) throws -> Void
    ) throws {
        for index in 0..<partitionCount {
            var reader = CommittedReader(
                partition: TopicPartition(topic, PartitionIndex(index)),
                position: .zero,
                fetchByteCount: 1 << 20
            )
            while try reader.fetch(from: client) {
                while var batch = try reader.nextBatch() {
                    while let record = try batch.records.next() {
                        try body(PartitionIndex(index), record)
                    }
                    reader.finish(upTo: batch.nextOffset)
                }
            }
        }
    }

    // MARK: Running

    /// Runs a job until it has caught up, and measures from the first record to the last commit.
    /// `bench` and `keys` are what was run, for the result.
    func measure<Job: StreamJob>(
        _ job: Job,
        _ bench: Benchmark,
        records: Int64,
        keys: Int64 = 0
    ) throws -> BenchmarkResult {
        var configuration = StreamsConfiguration()
        configuration.threadCount = threadCount
        configuration.memoryByteCount = memoryByteCount
        let application = try StreamsApplication(
            topology: Topology(of: job),
            client: client,
            engines: storeFactory,
            configuration: configuration,
            time: time,
            pause: { usleep(UInt32(clamping: $0 / 1000)) }
        )
        try application.start()
        let flushesBefore = broker.statistics.fdatasyncCount
        let cpuBefore = Self.cpuSeconds()
        let begin = time.monotonicNanoseconds()
        try application.run(until: .whenCaughtUp)
        let seconds = Double(time.monotonicNanoseconds() - begin) / 1e9
        let cpuSeconds = Self.cpuSeconds() - cpuBefore
        let snapshots = application.progress.map(\.snapshot)
        let commits = snapshots.reduce(0) { $0 + $1.commits }
        let endTransactionSeconds = snapshots.reduce(0) {
            $0 + $1.times.seconds(in: .endTransaction)
        }
        let resident = Self.peakResidentByteCount()
        let flushes = Int64(broker.statistics.fdatasyncCount - flushesBefore)
        try application.close()
        // The markers of the last commit may come a moment after it returned: a close waits.
        try reopen()
        return BenchmarkResult(
            bench: bench.rawValue,
            records: records,
            keys: keys,
            seconds: seconds,
            cpuSeconds: cpuSeconds,
            commits: commits,
            endTransactionSeconds: endTransactionSeconds,
            fdatasyncs: flushes,
            peakResidentByteCount: resident,
            verified: false
        )
    }

    /// User and system time of the process.
    static func cpuSeconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let user = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
        return user + Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
    }

    /// The most memory that the process ever had.
    static func peakResidentByteCount() -> Int64 {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Int64(usage.ru_maxrss) * 1024
    }

    // MARK: Warming

    /// Makes the machine's memory ready: a virtual machine gets its pages at the first touch, ten
    /// times slower than a page that is there. Writes a file into the page cache that has no name
    /// any more, so that none stays, however the process ends.
    static func warmMemory(byteCount: Int64, in directory: String) throws {
        let path = "\(directory)/warm-up"
        let disk = PosixDisk()
        let file: any DiskFile
        do throws(DiskError) { file = try disk.open(path, .create) } catch {
            throw BenchmarkError("\(path): \(error)")
        }
        defer { file.close() }
        try disk.remove(path)
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 20, alignment: 4096)
        chunk.initializeMemory(as: UInt8.self, repeating: 0)
        defer { chunk.deallocate() }
        var position: Int64 = 0
        while position < byteCount {
            try file.write(UnsafeRawBufferPointer(chunk), at: position)
            position += Int64(chunk.count)
        }
    }

    /// Removes a folder with all that is in it.
    static func removeTree(_ path: String) throws {
        let disk = PosixDisk()
        for name in try disk.list(path) {
            let entry = "\(path)/\(name)"
            if try disk.kind(of: entry) == .directory {
                try removeTree(entry)
            } else {
                try disk.remove(entry)
            }
        }
        try disk.removeDirectory(path)
    }
}
