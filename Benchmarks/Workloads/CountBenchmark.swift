import Bytes
import LogModel
import Streams

extension Benchmark {
    static func count(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> BenchmarkResult {
        try fillReadings(rig, "events", records: 0..<records) { keyNumber(of: $0, keys: keys) }
        var result = try rig.measure(
            CountBenchmarkJob(),
            .count,
            records: records,
            keys: keys
        )
        result.verified = try verifyCounts(rig, records: records, keys: keys)
        return result
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
            try noteCount(record, in: &last)
            updates += 1
        }
        var expected = [Int64](repeating: 0, count: last.count)
        for number in 0..<records { expected[Int(keyNumber(of: number, keys: keys))] += 1 }
        guard updates == records, last == expected else {
            throw BenchmarkError("\(updates) updates came out, \(records) must, or counts differ")
        }
        return true
    }
}
