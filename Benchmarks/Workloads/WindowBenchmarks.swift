import Bytes
import LogModel
import Streams

extension Benchmark {
    /// Records of a session of the session benchmark.
    private static let sessionLength: Int64 = 10

    /// A million records a minute.
    static func window(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> BenchmarkResult {
        let time = { (number: Int64) -> Int64 in number * 60 / 1_000 }
        try fillReadings(rig, "events", records: 0..<records, time: time) {
            keyNumber(of: $0, keys: keys)
        }
        var result = try rig.measure(
            WindowBenchmarkJob(),
            .window,
            records: records,
            keys: keys
        )
        result.verified = try verifyMinutes(rig, records: records, keys: keys)
        return result
    }

    /// Each key's counts in each minute must come out as 1, 2, … n, n being its records there.
    private static func verifyMinutes(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> Bool {
        let width = Int(keys) + Int(BenchmarkRig.partitionCount)
        let minutes = Int(records / 1_000_000) + 1
        var last = [Int64](repeating: 0, count: width * minutes)
        try rig.forEachRecord(of: "minute-counts") { _, record in
            guard let key = record.key, let value = record.value, value.count == 8, key.count == 19,
                let base = value.baseAddress, let keyBase = key.baseAddress,
                let number = number(ofKey: key)
            else { throw BenchmarkError("an update without a key or a count came out") }
            let start: Int64 = keyBase.bigEndian(at: 11)
            let minute = (start - rig.start) / 60_000
            guard minute >= 0, minute < Int64(minutes), (start - rig.start) % 60_000 == 0 else {
                throw BenchmarkError("a window begins at \(start)")
            }
            let place = Int(minute) * width + Int(number)
            guard base.bigEndian(at: 0) == last[place] + 1 else {
                throw BenchmarkError("key \(number), minute \(minute): a count is wrong")
            }
            last[place] += 1
        }
        var expected = [Int64](repeating: 0, count: last.count)
        for number in 0..<records {
            let minute = Int(number * 60 / 1_000 / 60_000)
            expected[minute * width + Int(keyNumber(of: number, keys: keys))] += 1
        }
        guard last == expected else { throw BenchmarkError("counts of minutes differ") }
        return true
    }

    /// Each key has ten records within half a second, then none for two.
    static func session(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> BenchmarkResult {
        try requireWholeLanes(keys, "keys")
        let round = keys * sessionLength
        let time = { (number: Int64) -> Int64 in
            number / round * 2_500 + number % round * 500 / round
        }
        try fillReadings(rig, "events", records: 0..<records, time: time) { $0 % keys }
        var result = try rig.measure(
            SessionBenchmarkJob(),
            .session,
            records: records,
            keys: keys
        )
        result.verified = try verifySessions(rig, records: records, keys: keys)
        return result
    }

    /// Each key's counts must come out as 1, 2, … 10, again and again, and each but the first of a
    /// session replaces the one before.
    private static func verifySessions(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> Bool {
        var last = [Int64](repeating: 0, count: Int(keys))
        var updates: Int64 = 0
        var removals: Int64 = 0
        try rig.forEachRecord(of: "session-counts") { _, record in
            guard let key = record.key, key.count == 27, let number = number(ofKey: key) else {
                throw BenchmarkError("an update without a key came out")
            }
            guard let value = record.value else { return removals += 1 }
            guard value.count == 8, let base = value.baseAddress,
                base.bigEndian(at: 0) == last[Int(number)] % sessionLength + 1
            else { throw BenchmarkError("key \(number): a count is wrong") }
            last[Int(number)] = last[Int(number)] % sessionLength + 1
            updates += 1
        }
        let round = keys * sessionLength
        let sessions = records / round * keys + min(records % round, keys)
        guard updates == records, removals == records - sessions else {
            throw BenchmarkError("\(updates) counts and \(removals) removals came out")
        }
        return true
    }
}
