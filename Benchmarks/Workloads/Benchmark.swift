import Bytes
import LogModel
import Streams

/// The throughput benchmarks: 100-byte records, 4 partitions, one stream thread, exactly-once,
/// a commit every 100 ms, flushed. Each checks its output itself.
package enum Benchmark: String, CaseIterable, Sendable {
    /// Filter and map.
    case stateless
    /// A count by key, every update emitted, with changelog and checkpoints.
    case count
    /// A store restored from its changelog into RocksDB.
    case restore
    /// The first records behind a restart, each of another key.
    case cold
    /// Two streams as one, the oldest record first.
    case merge
    /// A count by key and minute.
    case window
    /// Each record with a table's row of its key.
    case tableJoin = "table-join"
    /// Two streams whose records have one partner each.
    case streamJoin = "stream-join"
    /// A count by key and session.
    case session
    /// The first record of each id.
    case dedup
    /// JSON of five members in and out, through `Codable` or by itself.
    case json

    /// What a run can choose.
    package struct Options: Sendable {
        package var records: Int64?
        package var keys: Int64?
        package var threadCount: Int
        /// What all stores share.
        package var memoryByteCount: Int
        /// An existing folder on the disk to be measured; the benchmark makes one below it.
        package var directory: String
        /// JSON is read and written by the type itself, not through `Codable`.
        package var byRecord: Bool
        package init(
            records: Int64? = nil,
            keys: Int64? = nil,
            threadCount: Int = 1,
            memoryByteCount: Int = 1 << 30,
            directory: String,
            byRecord: Bool = false
        ) {
            self.records = records
            self.keys = keys
            self.threadCount = threadCount
            self.memoryByteCount = memoryByteCount
            self.directory = directory
            self.byRecord = byRecord
        }
    }

    /// One sentence for the help.
    package var summary: String {
        switch self {
        case .stateless: "filter and map, exactly-once"
        case .count: "count by key, every update emitted, changelog and checkpoints on"
        case .restore: "restore a store from its changelog into RocksDB"
        case .cold: "count right after a restart, each record of another key"
        case .merge: "two streams as one, the oldest record first"
        case .window: "count by key and minute, every update emitted"
        case .tableJoin: "join records with the rows of a table"
        case .streamJoin: "join two streams whose records have one partner each"
        case .session: "count by key and session, every update emitted"
        case .dedup: "drop what repeats an id, of which there are as many as keys"
        case .json: "JSON of five members in and out, through Codable"
        }
    }

    /// Where it works; the folder is gone at its end.
    package func folder(_ options: Options) -> String {
        "\(options.directory)/bench-\(rawValue)-\(recordCount(options))"
    }

    private func recordCount(_ options: Options) -> Int64 {
        options.records ?? defaultRecords(keys: options.keys ?? defaultKeys)
    }

    /// Fills, runs, checks, cleans up.
    package func run(_ options: Options) throws -> BenchmarkResult {
        let keys = options.keys ?? defaultKeys
        let records = recordCount(options)
        guard records > 0, keys > 0, !usesKeys || keys <= records else {
            throw BenchmarkError("\(records) records with \(keys) keys: need at least one a key")
        }
        // Input, output and changelog of a record take about 250 bytes of page cache.
        try BenchmarkRig.warmMemory(
            byteCount: min(8 << 30, records * 250 + 512 << 20),
            in: options.directory
        )
        let rig = try BenchmarkRig(
            directory: folder(options),
            threadCount: options.threadCount,
            memoryByteCount: options.memoryByteCount
        )
        let outcome = Result { () throws -> BenchmarkResult in
            switch self {
            case .stateless: try Self.stateless(rig, records: records)
            case .count: try Self.count(rig, records: records, keys: keys)
            case .restore: try Self.restore(rig, records: records, keys: keys)
            case .cold: try Self.cold(rig, records: records)
            case .merge: try Self.merge(rig, records: records)
            case .window: try Self.window(rig, records: records, keys: keys)
            case .tableJoin: try Self.tableJoin(rig, records: records, keys: keys)
            case .streamJoin: try Self.streamJoin(rig, records: records)
            case .session: try Self.session(rig, records: records, keys: keys)
            case .dedup: try Self.dedup(rig, records: records, keys: keys)
            case .json: try Self.json(rig, records: records, byRecord: options.byRecord)
            }
        }
        try rig.remove()
        return try outcome.get()
    }

    /// Whether it matters how many keys there are.
    private var usesKeys: Bool {
        switch self {
        case .count, .restore, .window, .tableJoin, .session, .dedup: true
        case .stateless, .cold, .merge, .streamJoin, .json: false
        }
    }

    private func defaultRecords(keys: Int64) -> Int64 {
        switch self {
        case .stateless, .merge, .window, .tableJoin: 10_000_000
        case .count: max(10_000_000, keys)
        case .restore: keys
        case .dedup: 2 * keys
        case .cold: 1_000_000
        case .streamJoin, .session: 2_000_000
        case .json: 3_000_000
        }
    }

    private var defaultKeys: Int64 {
        switch self {
        case .restore, .dedup: 1_000_000
        case .tableJoin: 100_000
        case .stateless, .count, .cold, .merge, .window, .streamJoin, .session, .json: 10_000
        }
    }

    // MARK: Keys

    /// A key scattered over the key space, the same for the same number; keys keep to a partition.
    static func keyNumber(of number: Int64, keys: Int64) -> Int64 {
        let partitions = Int64(BenchmarkRig.partitionCount)
        let lane = number % partitions
        let slots = max(1, keys / partitions)
        let scattered = UInt64(bitPattern: number / partitions) &* 0x9e37_79b9_7f4a_7c15
        return Int64(scattered % UInt64(slots)) * partitions + lane
    }

    /// Fills a topic with readings, the n-th of which has the number `first` + n.
    static func fillReadings(
        _ rig: BenchmarkRig,
        _ topic: String,
        records: Range<Int64>,
        first: Int64 = 0,
        time: (Int64) -> Int64 = { $0 / 1_000 },
        key keyNumber: (Int64) -> Int64
    ) throws {
        let serde = ReadingSerde()
        try rig.fill(topic, records: records, time: time) { number, key, value in
            key.append(utf8: keyText(keyNumber(number)))
            serde.encode(Reading(number: first + number), into: &value)
        }
    }

    /// Takes note of an update that a count sent out: a key's counts are 1, 2, 3, …
    static func noteCount(_ record: RecordView, in last: inout [Int64]) throws {
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
    }

    /// Keys keep to a partition where there are as many in each.
    static func requireWholeLanes(_ count: Int64, _ what: String) throws {
        guard count % Int64(BenchmarkRig.partitionCount) == 0 else {
            throw BenchmarkError("the \(what) of this benchmark are a multiple of 4")
        }
    }

    /// An 11-byte key: "k" and ten digits.
    static func keyText(_ number: Int64) -> String { "k\(1_000_000_000 + number)" }

    static func number(ofKey key: UnsafeRawBufferPointer) -> Int64? {
        guard key.count >= 11, key[0] == UInt8(ascii: "k") else { return nil }
        var number: Int64 = 0
        for byte in key[1..<11] {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return number - 1_000_000_000
    }
}
