import Streams

/// The topics of the benchmarks.
enum BenchmarkTopics {
    static let readings = Topic("readings", key: .utf8, value: ReadingSerde())
    static let warm = Topic("warm-readings", key: .utf8, value: ReadingSerde())
    static let events = Topic("events", key: .utf8, value: ReadingSerde())
    static let counts = Topic("event-counts", key: .utf8, value: .int64)
    static let others = Topic("other-events", key: .utf8, value: ReadingSerde())
    static let merged = Topic("merged-events", key: .utf8, value: ReadingSerde())
    static let rows = Topic("rows", key: .utf8, value: .int64)
    static let joined = Topic("joined-events", key: .utf8, value: .int64)
    static let minutes = Topic(
        "minute-counts",
        key: .windowed(.utf8, size: .seconds(60)),
        value: .int64
    )
    static let sessions = Topic(
        "session-counts",
        key: .session(.utf8),
        value: .int64
    )
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

/// Two streams as one, the oldest record first.
struct MergeBenchmarkJob: StreamJob {
    static let name = "bench-merge"
    var topology: [Statement] {
        stream(BenchmarkTopics.events)
            .merge(stream(BenchmarkTopics.others))
            .to(BenchmarkTopics.merged)
    }
}

/// A count by key and minute; every update goes out.
struct WindowBenchmarkJob: StreamJob {
    static let name = "bench-window"
    var topology: [Statement] {
        stream(BenchmarkTopics.events)
            .groupByKey()
            .windowed(by: .tumbling(.seconds(60)))
            .count(store: "minutes")
            .to(BenchmarkTopics.minutes)
    }
}

/// A count by key and session; every update goes out, with the end of the session before it.
struct SessionBenchmarkJob: StreamJob {
    static let name = "bench-session"
    var topology: [Statement] {
        stream(BenchmarkTopics.events)
            .groupByKey()
            .windowed(by: .session(gap: .seconds(1)))
            .count(store: "sessions")
            .to(BenchmarkTopics.sessions)
    }
}

/// Each event with the row of its key.
struct TableJoinBenchmarkJob: StreamJob {
    static let name = "bench-table-join"
    var topology: [Statement] {
        let rows = table(BenchmarkTopics.rows, store: "rows")
        stream(BenchmarkTopics.events)
            .join(rows) { (event: Reading, row: Int64) -> Int64 in row << 32 | event.sequence }
            .to(BenchmarkTopics.joined)
    }
}

/// Each event with the one of its key in another stream.
struct StreamJoinBenchmarkJob: StreamJob {
    static let name = "bench-stream-join"
    var topology: [Statement] {
        stream(BenchmarkTopics.events)
            .join(
                stream(BenchmarkTopics.others),
                within: .within(.seconds(1)),
                store: "pairs",
                key: .utf8,
                left: ReadingSerde(),
                right: ReadingSerde()
            ) { (left: Reading, right: Reading) -> Int64 in left.sequence << 32 | right.sequence }
            .to(BenchmarkTopics.joined)
    }
}
