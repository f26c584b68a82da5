import LogModel
import Streams

extension Benchmark {
    static func stateless(
        _ rig: BenchmarkRig,
        records: Int64
    ) throws -> BenchmarkResult {
        try fillReadings(rig, "readings", records: 0..<records) { $0 % 1_000 }
        var result = try rig.measure(StatelessBenchmarkJob(), .stateless, records: records)
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
}
