import DirectoryAccess
import Glibc
package import StreamsRuntime
package import Terminal

/// The options of `run`: declared once, for the command line that builds a job and for the job's
/// own binary, which the first hands them to.
package struct RunOptions: Sendable, Equatable {
    /// What a job promises of its results. There is one word, for who wants it said.
    package enum Guarantee: String, CaseIterable, Sendable {
        case exactlyOnce = "exactly-once"
    }

    package var dataDirectory: String
    package var threadCount: Int
    package var commitInterval: Duration
    package var guarantee: Guarantee
    /// Nil for what the job says.
    package var onDecodeError: DecodeErrorPolicy?
    /// What all stores share; nil for the standard share of the machine's memory.
    package var memory: ByteSize?
    package var untilCaughtUp: Bool
    package var reset: Bool
    package var json: Bool
    /// Nil if no other process is served meanwhile.
    package var listen: ListenOptions?
    /// Nil if nothing is told over HTTP.
    package var http: WatchOptions?

    private static let threads = Parameter.option(
        "threads",
        .integer(1...256),
        default: 1,
        help: "stream threads; each owns some of the job's tasks, one task a partition"
    )
    private static let interval = Parameter.option(
        "commit-interval",
        .duration,
        default: .milliseconds(100),
        shown: "100ms",
        help: "commit at the latest after this time"
    )
    private static let promise = Parameter.option(
        "guarantee",
        ValueKind<Guarantee>.choice("WORD"),
        default: .exactlyOnce,
        shown: "exactly-once",
        help: "what the job promises"
    )
    private static let decodeError = Parameter.optional(
        "on-decode-error",
        ValueKind<DecodeErrorPolicy>.choice("WORD"),
        help: "a record that cannot be decoded ends the job, or is left out and counted; without "
            + "this, what the job says, which ends if it says nothing"
    )
    private static let memoryLimit = Parameter.optional(
        "memory",
        ValueKind<ByteSize>.size,
        help: "the memory that all stores of the job share, such as 512m or 2g; without this, half "
            + "of what the machine or the control group has"
    )
    private static let caughtUp = Parameter.flag(
        "until-caught-up",
        help: "end when all input that is there at the start is processed and committed"
    )
    private static let startOver = Parameter.flag(
        "reset",
        help: "start over: forget the job's positions, stores and internal topics first; what it "
            + "wrote to its output topics stays"
    )
    private static let asJSON = Parameter.flag(
        "json",
        help: "the closing line as one JSON object"
    )

    /// How a command that runs jobs may end, apart from what every one has.
    package static let exits = [
        Command.Exit("0", "done, also where SIGHUP, SIGINT or SIGTERM ended it"),
        Command.Exit(
            "129 and more",
            "128 and the number of a signal: the job's code trapped, or a second signal came"
        ),
    ]

    /// What a command that runs jobs declares.
    package static let parameters: [ParameterDeclaration] =
        [
            DataDirectoryOption.parameter.declaration, threads.declaration, interval.declaration,
            promise.declaration, decodeError.declaration, memoryLimit.declaration,
            caughtUp.declaration, startOver.declaration, asJSON.declaration,
        ] + ListenOptions.parameters + WatchOptions.parameters

    /// The values of a command line.
    package init(_ invocation: Invocation) throws(CommandFailure) {
        dataDirectory = invocation[DataDirectoryOption.parameter]
        threadCount = invocation[Self.threads]
        commitInterval = invocation[Self.interval]
        guarantee = invocation[Self.promise]
        onDecodeError = invocation[Self.decodeError]
        memory = invocation[Self.memoryLimit]
        untilCaughtUp = invocation[Self.caughtUp]
        reset = invocation[Self.startOver]
        json = invocation[Self.asJSON]
        listen = try ListenOptions.beside(invocation)
        http = try WatchOptions(invocation)
        let longest = Duration.milliseconds(StreamsConfiguration.longestCommitIntervalMilliseconds)
        guard commitInterval <= longest else {
            throw CommandFailure(
                "the commit interval of \(commitInterval.spelled) is too long",
                reason: "a transaction that is open for more than "
                    + "\(StreamsConfiguration.longestTransactionTimeoutMilliseconds / 60_000) "
                    + "minutes is aborted, and nothing of the job would ever be committed",
                next: "--commit-interval 14m, or less",
                status: .usage
            )
        }
        if let memory, memory.byteCount < Self.leastMemoryByteCount {
            throw CommandFailure(
                "a memory of \(memory) is too little for a job's stores",
                reason: "they need \(ByteSize(byteCount: Self.leastMemoryByteCount)) at least",
                next: "--memory 512m, or leave it out",
                status: .usage
            )
        }
    }

    private static let leastMemoryByteCount = 16 << 20

    /// The words that give these options to a job's binary.
    package var words: [String] {
        var words = [
            "--data", dataDirectory, "--threads", "\(threadCount)",
            "--commit-interval", "\(Int64(commitInterval.seconds * 1_000_000))us",
            "--guarantee", guarantee.rawValue,
        ]
        if let onDecodeError { words += ["--on-decode-error", onDecodeError.rawValue] }
        if let memory { words += ["--memory", "\(memory.byteCount)"] }
        if untilCaughtUp { words.append("--until-caught-up") }
        if reset { words.append("--reset") }
        if json { words.append("--json") }
        if let listen { words += listen.words }
        if let http { words += http.words(beside: listen) }
        return words
    }

    /// The engine's configuration; intervals below a millisecond become one.
    var configuration: StreamsConfiguration {
        var configuration = StreamsConfiguration()
        configuration.threadCount = threadCount
        configuration.commitIntervalMilliseconds = max(1, Int64(commitInterval.seconds * 1000))
        configuration.onDecodeError = onDecodeError
        configuration.commandOptions = "--data \(shellWord(dataDirectory))"
        return configuration
    }
}
