import Streams

/// The topics of the benchmarks.
enum BenchmarkTopics {
    static let readings = Topic("readings", key: .utf8, value: ReadingSerde())
    static let warm = Topic("warm-readings", key: .utf8, value: ReadingSerde())
    static let events = Topic("events", key: .utf8, value: ReadingSerde())
    static let counts = Topic("event-counts", key: .utf8, value: .int64)
}

/// Filter and map.
struct StatelessBenchmarkJob: StreamJob {
    static let name = "bench-stateless"
    var topology: [Statement] {
        stream(BenchmarkTopics.readings)
            .filter { reading -> Bool in reading.isWarm }
            .mapValues { reading -> Reading in reading.inFahrenheit }
            .to(BenchmarkTopics.warm)
    }
}

/// A count by key; every update goes out and into the changelog.
struct CountBenchmarkJob: StreamJob {
    static let name = "bench-count"
    var topology: [Statement] {
        stream(BenchmarkTopics.events)
            .groupByKey()
            .count(store: "counts")
            .to(BenchmarkTopics.counts)
    }
}
