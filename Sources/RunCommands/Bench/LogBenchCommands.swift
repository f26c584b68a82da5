import BenchmarkWorkloads
import DirectoryAccess
import Terminal

/// `millrace bench commit`, `create` and `open`: the benchmarks of the log by itself.
enum LogBenchCommands {
    private static let partitions = Parameter.option(
        "partitions",
        .integer(1...100_000),
        default: 4,
        help: "how many partitions the topic has"
    )
    private static let transactions = Parameter.option(
        "transactions",
        .integer(1...1_000_000),
        default: 300,
        help: "how many commits are measured"
    )
    private static let bytes = Parameter.option(
        "bytes",
        .size,
        default: ByteSize(byteCount: 0),
        help: "how much is written over all partitions"
    )
    private static let afterKill = Parameter.flag(
        "after-kill",
        help: "end the writer by kill -9 instead of closing the log"
    )

    static let commit = Command(
        "commit",
        summary: "small transactions over many partitions",
        parameters: [
            partitions.declaration, transactions.declaration, BenchCommand.directory.declaration,
            BenchCommand.asJSON.declaration,
        ],
        examples: [
            .init("millrace bench commit --partitions 100 --json", "milliseconds of a commit")
        ],
        exits: [BenchCommand.ended]
    ) { invocation in
        try BenchPlace(directory: invocation[BenchCommand.directory]).check()
        let benchmark = CommitBenchmark(
            partitions: invocation[partitions],
            transactions: invocation[transactions],
            directory: invocation[BenchCommand.directory]
        )
        try BenchInterrupt.start(folder: benchmark.folder)
        show(try benchmark.run(), invocation)
        return .done
    }

    static let create = Command(
        "create",
        summary: "a topic of many partitions",
        parameters: [
            partitions.declaration, BenchCommand.directory.declaration,
            BenchCommand.asJSON.declaration,
        ],
        examples: [
            .init("millrace bench create --partitions 3000", "milliseconds of the creation")
        ],
        exits: [BenchCommand.ended]
    ) { invocation in
        try BenchPlace(directory: invocation[BenchCommand.directory]).check()
        let benchmark = DirectoryBenchmark(partitions: invocation[partitions])
        let directory = invocation[BenchCommand.directory]
        try BenchInterrupt.start(folder: benchmark.folder(in: directory))
        show(try benchmark.create(in: directory), invocation)
        return .done
    }

    static let open = Command(
        "open",
        summary: "the start on a directory that was closed, or whose owner was killed",
        discussion: "Writer and opener are processes of their own: what the opener reads is its "
            + "own. The time of `topic list` is that of a whole process.",
        parameters: [
            partitions.declaration, bytes.declaration, afterKill.declaration,
            BenchCommand.directory.declaration, BenchCommand.asJSON.declaration,
        ],
        examples: [
            .init("millrace bench open --partitions 3000", "after a clean end"),
            .init("millrace bench open --bytes 1GiB --after-kill", "after kill -9"),
        ],
        exits: [BenchCommand.ended]
    ) { invocation in
        try BenchPlace(directory: invocation[BenchCommand.directory]).check()
        let benchmark = OpenBenchmark(
            benchmark: DirectoryBenchmark(
                partitions: invocation[partitions],
                byteCount: invocation[bytes].byteCount
            ),
            ending: invocation[afterKill] ? .kill : .close,
            directory: "\(invocation[BenchCommand.directory])/bench-open-\(invocation[partitions])"
        )
        if let figures = try benchmark.run() { show(figures, invocation) }
        return .done
    }

    private static func show(_ figures: BenchmarkFigures, _ invocation: Invocation) {
        let isJSON = invocation[BenchCommand.asJSON]
        let text = isJSON ? figures.json : figures.line { grouped(Int($0)) }
        TextOutput.standard.write(text + "\n")
    }
}
