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
        result.verified = try verify(rig, "merged-events", records: ids) { record in
            guard let value = record.value else { return nil }
            let event = try serde.decode(value)
            return event == Reading(number: event.sequence) ? event.sequence : nil
        }
        return result
    }
}
