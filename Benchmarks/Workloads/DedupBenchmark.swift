import Bytes
import LogModel
import Streams

/// Each id once, whatever comes again.
struct DedupBenchmarkJob: StreamJob {
    static let name = "bench-dedup"
    var topology: [Statement] {
        stream(BenchmarkTopics.events)
            .deduplicated(
                by: { (event: Reading) -> Int64 in event.sequence },
                within: .seconds(3_600),
                store: "seen",
                id: .int64
            )
            .to(BenchmarkTopics.merged)
    }
}

extension Benchmark {
    /// Every id comes as often as there are records for it; the first of each must come out, once.
    static func dedup(
        _ rig: BenchmarkRig,
        records: Int64,
        keys ids: Int64
    ) throws -> BenchmarkResult {
        try requireWholeLanes(ids, "keys")
        let serde = ReadingSerde()
        try rig.fill(BenchmarkTopics.events.name, records: 0..<records) { number, key, value in
            key.append(utf8: keyText(number % 1_000))
            serde.encode(Reading(number: number % ids), into: &value)
        }
        var result = try rig.measure(DedupBenchmarkJob(), .dedup, records: records, keys: ids)
        var expected = (0..<BenchmarkRig.partitionCount).map { Int64($0) }
        var count: Int64 = 0
        try rig.forEachRecord(of: BenchmarkTopics.merged.name) { partition, record in
            guard let value = record.value else { throw BenchmarkError("a null value came out") }
            let id = expected[Int(partition.rawValue)]
            guard try serde.decode(value) == Reading(number: id) else {
                throw BenchmarkError("id \(id) came out wrong or twice")
            }
            expected[Int(partition.rawValue)] += Int64(BenchmarkRig.partitionCount)
            count += 1
        }
        guard count == ids else {
            throw BenchmarkError("\(count) ids came out, \(ids) must")
        }
        result.verified = true
        return result
    }
}
