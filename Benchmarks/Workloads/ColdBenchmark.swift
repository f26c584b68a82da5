import Bytes
import LogModel
import Streams

extension Benchmark {
    /// A count that has one record of each key behind it, is restarted, and gets one more of each.
    static func cold(_ rig: BenchmarkRig, records: Int64) throws -> BenchmarkResult {
        try requireWholeLanes(records, "records")
        var result: BenchmarkResult?
        for round in 0..<Int64(2) {
            let numbers = round * records..<(round + 1) * records
            try fillReadings(rig, "events", records: numbers) { shuffledKey(of: $0, keys: records) }
            result = try rig.measure(CountBenchmarkJob(), .cold, records: records, keys: records)
        }
        guard var result else { throw BenchmarkError("nothing was run") }
        result.verified = try verifyCold(rig, keys: records)
        return result
    }

    /// Each key's counts must come out as 1 and 2.
    private static func verifyCold(_ rig: BenchmarkRig, keys: Int64) throws -> Bool {
        var last = [Int64](repeating: 0, count: Int(keys))
        try rig.forEachRecord(of: "event-counts") { _, record in
            try noteCount(record, in: &last)
        }
        guard last.allSatisfy({ $0 == 2 }) else {
            throw BenchmarkError("not every key was counted twice")
        }
        return true
    }
}
