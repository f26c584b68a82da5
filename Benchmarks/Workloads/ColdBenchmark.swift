import Bytes
import LogModel
import Streams

extension Benchmark {
    /// A count that has one record of each key behind it, is restarted, and gets one more of each.
    static func cold(_ rig: BenchmarkRig, records: Int64) throws -> BenchmarkResult {
        try requireWholeLanes(records, "records")
        let serde = ReadingSerde()
        var result: BenchmarkResult?
        for round in 0..<Int64(2) {
            let numbers = round * records..<(round + 1) * records
            try rig.fill("events", records: numbers) { number, key, value in
                key.append(utf8: keyText(shuffledKey(of: number, keys: records)))
                serde.encode(Reading(number: number), into: &value)
            }
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
        guard last.allSatisfy({ $0 == 2 }) else {
            throw BenchmarkError("not every key was counted twice")
        }
        return true
    }
}
