import Bytes
import LogModel
import Streams

extension Benchmark {
    static func merge(_ rig: BenchmarkRig, records: Int64) throws -> BenchmarkResult {
        try fillBoth(rig, records: records) { $0 / 1_000 }
        var result = try rig.measure(MergeBenchmarkJob(), .merge, records: records)
        let serde = ReadingSerde()
        result.verified = try verify(rig, "merged-events", records: records) { record in
            guard let value = record.value else { return nil }
            return try serde.decode(value).sequence
        }
        return result
    }

    static func tableJoin(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> BenchmarkResult {
        try requireWholeLanes(keys, "keys")
        guard records < 1 << 31, keys < 1 << 31 else { throw BenchmarkError("too many records") }
        try rig.fill("rows", records: 0..<keys, time: { _ in -1_000 }) { number, key, value in
            key.append(utf8: keyText(number))
            value.append(bigEndian: number)
        }
        try fillReadings(rig, "events", records: 0..<records) { keyNumber(of: $0, keys: keys) }
        var result = try rig.measure(
            TableJoinBenchmarkJob(),
            .tableJoin,
            records: records,
            keys: keys
        )
        result.verified = try verify(rig, "joined-events", records: records) { record in
            guard let pair = pair(of: record), let key = record.key,
                pair.left == number(ofKey: key),
                pair.left == keyNumber(of: pair.right, keys: keys)
            else { return nil }
            return pair.right
        }
        return result
    }

    /// Ten pairs a millisecond, which meet within a second: ten thousand of each side are kept.
    static func streamJoin(_ rig: BenchmarkRig, records: Int64) throws -> BenchmarkResult {
        guard records < 1 << 31 else { throw BenchmarkError("too many records") }
        try fillBoth(rig, records: records) { $0 / 10 }
        var result = try rig.measure(StreamJoinBenchmarkJob(), .streamJoin, records: records)
        result.verified = try verify(rig, "joined-events", records: records / 2) { record in
            guard let pair = pair(of: record), pair.left + records / 2 == pair.right else {
                return nil
            }
            return pair.left
        }
        return result
    }

    /// Half of the records in one topic, the other half, with the same keys and times, in another.
    private static func fillBoth(
        _ rig: BenchmarkRig,
        records: Int64,
        time: (Int64) -> Int64
    ) throws {
        guard records % 2 == 0 else { throw BenchmarkError("the records are an even number") }
        for (topic, first) in [("events", Int64(0)), ("other-events", records / 2)] {
            let half = 0..<records / 2
            try fillReadings(rig, topic, records: half, first: first, time: time) { $0 }
        }
    }

    /// The two numbers in a joined record's value.
    private static func pair(of record: RecordView) -> (left: Int64, right: Int64)? {
        guard let value = record.value, value.count == 8, let base = value.baseAddress else {
            return nil
        }
        let both: Int64 = base.bigEndian(at: 0)
        return (both >> 32, both & 0xffff_ffff)
    }

    /// Every number below `records` must come out exactly once; nil for a record that is wrong.
    static func verify(
        _ rig: BenchmarkRig,
        _ topic: String,
        records: Int64,
        number: (RecordView) throws -> Int64?
    ) throws -> Bool {
        var seen = [Bool](repeating: false, count: Int(records))
        var count: Int64 = 0
        try rig.forEachRecord(of: topic) { _, record in
            guard let number = try number(record), number >= 0, number < records,
                !seen[Int(number)]
            else { throw BenchmarkError("a record came out wrong or twice") }
            seen[Int(number)] = true
            count += 1
        }
        guard count == records else {
            throw BenchmarkError("\(count) records came out, \(records) must")
        }
        return true
    }
}
