import Bytes
import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime

/// A table whose rows end, its changes, and what is counted of it.
struct ExpiringJob: StreamJob {
    static let name = "expiring"
    static let input = Topic("in", key: .utf8, value: .utf8)
    static let output = Topic("out", key: .utf8, value: .utf8)
    static let counts = Topic("counts", key: .utf8, value: .int64)

    var expiry = Expiry.after(.milliseconds(100))
    var isGrouped = false

    var topology: [Statement] {
        let rows = table(Self.input, store: "rows", expiry: expiry)
        rows.to(Self.output)
        if isGrouped {
            rows.groupBy(via: "by-value", key: .utf8, value: .utf8) {
                (key: String, value: String) -> (String, String) in (value, key)
            }
            .count(store: "by-value")
            .to(Self.counts)
        }
    }
}

/// A job under test with one partition, whose records are short words.
final class ExpiryHarness {
    /// The job at its next start.
    var job: ExpiringJob
    let driver: TopologyDriver

    private final class Current { var makeTopology: (() throws -> Topology)? }

    init(_ job: ExpiringJob = ExpiringJob(), seed: UInt64 = 1) throws {
        self.job = job
        let current = Current()
        driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: seed
        ) { try current.makeTopology?() ?? Topology(of: job) }
        current.makeTopology = { [unowned self] in try Topology(of: self.job) }
    }

    func send(_ key: String, _ value: String?, at time: Int64) throws {
        try driver.send(
            topic: "in",
            key: Array(key.utf8),
            value: value.map { Array($0.utf8) },
            timestamp: Timestamp(time)
        )
    }

    /// What came out since the last look: `key=value@time`, `key-@time` for a removal.
    func changes() throws -> [String] {
        try driver.runUntilIdle()
        return try driver.read("out").map(Self.words)
    }

    static func words(_ record: TestRecord) -> String {
        let key = String(decoding: record.key ?? [], as: UTF8.self)
        let value = record.value.map { "=" + String(decoding: $0, as: UTF8.self) } ?? "-"
        return "\(key)\(value)@\(record.timestamp.rawValue)"
    }

    /// How many rows and twins the store has.
    func sizes() throws -> (rows: Int, twins: Int) {
        let keys = try driver.contents(ofStore: "rows").map(\.key)
        return (keys.count { $0.first == 1 }, keys.count { $0.first == 2 })
    }
}

/// What a table whose rows end is, without stores, turns or transactions.
struct ExpiryModel {
    let life: Int64
    private(set) var rows: [String: (value: String, time: Int64)] = [:]
    private(set) var changes: [String] = []
    private(set) var lateCount = 0
    private var streamTime = Int64.min

    init(life: Int64) { self.life = life }

    /// Ends what ends before a record of this time is handled.
    mutating func advance(to time: Int64) {
        streamTime = max(streamTime, time)
        let ended = rows.filter { $0.value.time + life <= streamTime }
            .sorted { ($0.value.time, $0.key) < ($1.value.time, $1.key) }
        for (key, row) in ended {
            rows[key] = nil
            changes.append("\(key)-@\(row.time + life)")
        }
    }

    mutating func take(_ key: String, _ value: String?, at time: Int64) {
        advance(to: time)
        guard let value else {
            rows[key] = nil
            return changes.append("\(key)-@\(time)")
        }
        if rows[key] == nil, time + life <= streamTime {
            lateCount += 1
            return
        }
        rows[key] = (value, max(time, rows[key]?.time ?? time))
        changes.append("\(key)=\(value)@\(time)")
    }
}
