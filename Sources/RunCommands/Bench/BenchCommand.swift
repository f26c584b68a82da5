import BenchmarkWorkloads
package import Terminal

/// `millrace bench …`.
package enum BenchCommand {
    static let directory = Parameter.option(
        "directory",
        .path("DIR", .folder),
        default: ".",
        help: "an existing folder on the disk to be measured"
    )
    static let asJSON = Parameter.flag("json", help: "one JSON object")

    package static let command = Command(
        "bench",
        summary: "benchmarks, each of which checks its own output",
        examples: [.init("millrace bench count --keys 10000 --json", "counts 10 M records by key")],
        subcommands: Benchmark.allCases.map(throughput)
            + [LogBenchCommands.commit, LogBenchCommands.create, LogBenchCommands.open]
    )

    private static let records = Parameter.option(
        "records",
        .integer(0...10_000_000_000),
        default: 0,
        help: "how many records; 0: the benchmark's own number"
    )
    private static let keys = Parameter.option(
        "keys",
        .integer(0...1_000_000_000),
        default: 0,
        help: "how many keys; 0: the benchmark's own number"
    )

    private static let threads = Parameter.option(
        "threads",
        .integer(1...64),
        default: 1,
        help: "stream threads; the topics have 4 partitions"
    )

    private static let memory = Parameter.option(
        "memory",
        .size,
        default: ByteSize(byteCount: 1 << 30),
        shown: "1g",
        help: "the memory that all stores share"
    )

    private static let byRecord = Parameter.flag(
        "record",
        help: "the type reads and writes its JSON itself (JSONRecord), not through Codable"
    )

    static let ended = Command.Exit.signalled("ended it: it says where its folder stays")

    private static func throughput(_ benchmark: Benchmark) -> Command {
        let own = benchmark == .json ? [byRecord.declaration] : []
        return Command(
            benchmark.rawValue,
            summary: benchmark.summary,
            parameters: [
                records.declaration, keys.declaration, threads.declaration, memory.declaration,
            ] + own + [directory.declaration, asJSON.declaration],
            examples: [.init("millrace bench \(benchmark.rawValue) --json", "records a second")],
            exits: [ended]
        ) { invocation in
            try BenchPlace(directory: invocation[directory]).check()
            let options = Benchmark.Options(
                records: invocation[records] == 0 ? nil : Int64(invocation[records]),
                keys: invocation[keys] == 0 ? nil : Int64(invocation[keys]),
                threadCount: invocation[threads],
                memoryByteCount: max(1 << 20, invocation[memory].byteCount),
                directory: invocation[directory],
                byRecord: benchmark == .json && invocation[byRecord]
            )
            try BenchInterrupt.start(folder: benchmark.folder(options))
            let result = try benchmark.run(options)
            let text = invocation[asJSON] ? result.json : result.line
            TextOutput.standard.write(text + "\n")
            return .done
        }
    }
}

extension BenchmarkResult {
    /// One line for a person.
    var line: String {
        "\(bench): \(counted(Int(records), "record")) in \(decimal(seconds, places: 3)) s, "
            + "\(grouped(Int(recordsPerSecond))) records/s, "
            + "cpu \(decimal(cpuSeconds, places: 3)) s, \(counted(Int(commits), "commit")), "
            + "\(counted(Int(fdatasyncs), "fdatasync")), output checked"
    }
}
