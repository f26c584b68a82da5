import Bytes
import LogModel
import StateStores
import Streams
import StreamsRuntime
import RocksStore

/// The throughput benchmarks: 100-byte records, 4 partitions, one stream thread, exactly-once,
/// a commit every 100 ms, flushed. Each checks its output itself.
package enum Benchmark: String, CaseIterable, Sendable {
    /// Filter and map.
    case stateless
    /// A count by key, every update emitted, with changelog and checkpoints.
    case count
    /// A store restored from its changelog into RocksDB.
    case restore
    /// JSON of five members in and out, through `Codable`.
    case json

    /// What a run can choose.
    package struct Options: Sendable {
        package var records: Int64?
        package var keys: Int64?
        /// An existing folder on the disk to be measured; the benchmark makes one below it.
        package var directory: String
        package init(records: Int64? = nil, keys: Int64? = nil, directory: String) {
            self.records = records
            self.keys = keys
            self.directory = directory
        }
    }

    /// One sentence for the help.
    package var summary: String {
        switch self {
        case .stateless: "filter and map, exactly-once"
        case .count: "count by key, every update emitted, changelog and checkpoints on"
        case .restore: "restore a store from its changelog into RocksDB"
        case .json: "JSON of five members in and out, through Codable"
        }
    }

    /// Fills, runs, checks, cleans up.
    package func run(_ options: Options) throws -> BenchmarkResult {
        let keys = options.keys ?? (self == .restore ? 1_000_000 : 10_000)
        let records = options.records ?? defaultRecords(keys: keys)
        guard records > 0, keys > 0, keys <= records else {
            throw BenchmarkError("\(records) records with \(keys) keys: need at least one a key")
        }
        // Input, output and changelog of a record take about 250 bytes of page cache.
        try BenchmarkRig.warmMemory(
            byteCount: min(8 << 30, records * 250 + 512 << 20),
            in: options.directory
        )
        let rig = try BenchmarkRig(directory: "\(options.directory)/bench-\(rawValue)-\(records)")
        let outcome = Result { () throws -> BenchmarkResult in
            switch self {
            case .stateless: try Self.stateless(rig, records: records)
            case .count: try Self.count(rig, records: records, keys: keys)
            case .restore: try Self.restore(rig, records: records, keys: keys)
            case .json: try Self.json(rig, records: records)
            }
        }
        try rig.remove()
        return try outcome.get()
    }

    private func defaultRecords(keys: Int64) -> Int64 {
        switch self {
        case .stateless, .count: 10_000_000
        case .restore: keys
        case .json: 3_000_000
        }
    }

    // MARK: Stateless

    private static func stateless(
        _ rig: BenchmarkRig,
        records: Int64
    ) throws -> BenchmarkResult {
        let serde = ReadingSerde()
        try rig.fill("readings", records: records) { number, key, value in
            key.append(utf8: keyText(number % 1_000))
            serde.encode(Reading(number: number), into: &value)
        }
        var result = try rig.measure(StatelessBenchmarkJob(), records: records)
        result.bench = "stateless"
        result.verified = try verifyStateless(rig, records: records)
        return result
    }

    /// Every warm reading must be there exactly once, mapped, and nothing else.
    private static func verifyStateless(_ rig: BenchmarkRig, records: Int64) throws -> Bool {
        let serde = ReadingSerde()
        var seen = [Bool](repeating: false, count: Int(records))
        var count: Int64 = 0
        try rig.forEachRecord(of: "warm-readings") { _, record in
            guard let value = record.value else { throw BenchmarkError("a null value came out") }
            let reading = try serde.decode(value)
            let original = Reading(number: reading.sequence)
            guard original.isWarm, reading == original.inFahrenheit,
                !seen[Int(reading.sequence)]
            else { throw BenchmarkError("reading \(reading.sequence) came out wrong or twice") }
            seen[Int(reading.sequence)] = true
            count += 1
        }
        let expected = (0..<records).lazy.filter { Reading(number: $0).isWarm }.count
        guard count == Int64(expected) else {
            throw BenchmarkError("\(count) readings came out, \(expected) must")
        }
        return true
    }

    // MARK: Count

    private static func count(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> BenchmarkResult {
        let serde = ReadingSerde()
        try rig.fill("events", records: records) { number, key, value in
            key.append(utf8: keyText(keyNumber(of: number, keys: keys)))
            serde.encode(Reading(number: number), into: &value)
        }
        var result = try rig.measure(CountBenchmarkJob(), records: records)
        result.bench = "count"
        result.keys = keys
        result.verified = try verifyCounts(rig, records: records, keys: keys)
        return result
    }

    /// A key scattered over the key space, the same for the same number; keys keep to a partition.
    private static func keyNumber(of number: Int64, keys: Int64) -> Int64 {
        let partitions = Int64(BenchmarkRig.partitionCount)
        let lane = number % partitions
        let slots = max(1, keys / partitions)
        let scattered = UInt64(bitPattern: number / partitions) &* 0x9e37_79b9_7f4a_7c15
        return Int64(scattered % UInt64(slots)) * partitions + lane
    }

    /// Each key's counts must come out as 1, 2, … n, in that order, n being its records.
    private static func verifyCounts(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> Bool {
        var last = [Int64](repeating: 0, count: Int(keys) + Int(BenchmarkRig.partitionCount))
        var updates: Int64 = 0
        try rig.forEachRecord(of: "event-counts") { _, record in
            guard let key = record.key, let value = record.value, value.count == 8,
                let base = value.baseAddress, let number = number(ofKey: key)
            else { throw BenchmarkError("an update without a key or a count came out") }
            let count: Int64 = base.bigEndian(at: 0)
            guard count == last[Int(number)] + 1 else {
                throw BenchmarkError(
                    "key \(number): count \(count) came out after \(last[Int(number)])"
                )
            }
            last[Int(number)] = count
            updates += 1
        }
        var expected = [Int64](repeating: 0, count: last.count)
        for number in 0..<records { expected[Int(keyNumber(of: number, keys: keys))] += 1 }
        guard updates == records, last == expected else {
            throw BenchmarkError("\(updates) updates came out, \(records) must, or counts differ")
        }
        return true
    }

    // MARK: Restore

    private static func restore(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> BenchmarkResult {
        guard keys % Int64(BenchmarkRig.partitionCount) == 0 else {
            throw BenchmarkError("the keys of this benchmark are a multiple of 4")
        }
        try rig.fill("changelog", records: records) { number, key, value in
            key.append(utf8: keyText(shuffledKey(of: number, keys: keys)))
            key.append(utf8: "-store")
            value.append(bigEndian: number)
        }
        let factory = RocksStoreFactory(directory: "\(rig.directory)/.state")
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let cpuBefore = BenchmarkRig.cpuSeconds()
        let begin = rig.time.monotonicNanoseconds()
        var stores: [StateStore] = []
        for partition in 0..<BenchmarkRig.partitionCount {
            let store = StateStore(
                engine: try factory.open(path: "restore-\(partition)"),
                worker: worker
            )
            var restorer = ChangelogRestorer(
                partition: TopicPartition("changelog", PartitionIndex(partition)),
                entries: StoreSpecification("restore"),
                fetchByteCount: 1 << 20
            )
            try restorer.restore(store, from: rig.client) { _ in }
            stores.append(store)
        }
        let seconds = Double(rig.time.monotonicNanoseconds() - begin) / 1e9
        let cpuSeconds = BenchmarkRig.cpuSeconds() - cpuBefore
        let verified = try verifyRestore(stores, records: records, keys: keys)
        for store in stores { try store.close(checkpointing: false) }
        return BenchmarkResult(
            bench: "restore",
            records: records,
            keys: keys,
            seconds: seconds,
            cpuSeconds: cpuSeconds,
            commits: 0,
            fdatasyncs: 0,
            verified: verified
        )
    }

    /// Every key must have the value of its last record.
    private static func verifyRestore(
        _ stores: [StateStore],
        records: Int64,
        keys: Int64
    ) throws -> Bool {
        var count = 0
        for store in stores {
            for entry in try store.contents() {
                let found = entry.key.withUnsafeBytes { Self.number(ofKey: $0) }
                guard let number = found, entry.value.count == 8 else {
                    throw BenchmarkError("the store has an entry that was never written")
                }
                let value = entry.value.withUnsafeBytes { raw in
                    Int64(bigEndian: raw.loadUnaligned(as: Int64.self))
                }
                guard value + keys >= records, value < records,
                    shuffledKey(of: value, keys: keys) == number
                else { throw BenchmarkError("key \(number) has \(value), not its last record") }
                count += 1
            }
        }
        guard Int64(count) == keys else {
            throw BenchmarkError("\(count) keys were restored, \(keys) must be")
        }
        return true
    }

    // MARK: Keys

    /// Every key once in each round of `keys` records, in no order that helps a sort; a key keeps
    /// to its partition as long as the keys are a multiple of the partitions.
    private static func shuffledKey(of number: Int64, keys: Int64) -> Int64 {
        let partitions = Int64(BenchmarkRig.partitionCount)
        let slots = keys / partitions
        let slot = number % keys / partitions
        return slot &* 999_983 % slots * partitions + number % partitions
    }

    /// An 11-byte key: "k" and ten digits.
    private static func keyText(_ number: Int64) -> String { "k\(1_000_000_000 + number)" }

    private static func number(ofKey key: UnsafeRawBufferPointer) -> Int64? {
        guard key.count >= 11, key[0] == UInt8(ascii: "k") else { return nil }
        var number: Int64 = 0
        for byte in key[1..<11] {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return number - 1_000_000_000
    }
}
