import Broker
import DirectoryAccess
import Glibc
import JobRunner
import LogStorage
package import Terminal

/// `run`, `plan` and `describe` build the job, then hand over to its binary; `test` builds and runs
/// its tests.
package enum JobCommands {
    private static let job = Parameter.argument(
        .path("JOB"),
        help: "the folder of a job's package, or a built binary"
    )
    private static let product = Parameter.optional(
        "product",
        .text("NAME"),
        help: "which executable, where the package has several"
    )

    /// The job of an invocation; refuses an option of packages beside a binary.
    private static func builder(_ invocation: Invocation) throws -> JobBuilder {
        let builder = JobBuilder(
            job: plainPath(invocation[job]),
            product: invocation[product]
        )
        if try builder.isProgram() {
            try invocation.refuse(
                [product.declaration],
                because: "is for a package: \(invocation[job]) is a built binary"
            )
        }
        return builder
    }

    package static let run = Command(
        "run",
        summary: "build a job and run it",
        discussion: "Jobs build in one shared folder, $MILLRACE_BUILD or .build-jobs beside the "
            + "Millrace package (in\n~/.cache/millrace where that was installed), so that only the "
            + "first one waits for Millrace itself.\nSIGHUP, SIGINT and SIGTERM commit and leave "
            + "with exit code 0; a second one leaves at once.",
        parameters: [job.declaration, product.declaration] + RunOptions.parameters,
        examples: [
            .init("millrace run Jobs/WordCount --until-caught-up", "process what is there, end"),
            .init("millrace run Jobs/WordCount --threads 2", "go on until Ctrl-C"),
        ],
        exits: RunOptions.exits
    ) { invocation in
        let options = try RunOptions(invocation)
        let builder = try builder(invocation)
        try requireDirectory(options.dataDirectory)
        let binary = try builder.binary()
        // Swift's own backtrace has a hundred lines; a user's wish stays.
        setenv("SWIFT_BACKTRACE", shortBacktrace, 0)
        throw replaceProcess(binary, ["run"] + options.words)
    }

    /// Of a trap, the last calls of its own thread.
    private static let shortBacktrace =
        "threads=crashed,limit=12,top=2,registers=none,images=none,interactive=no"

    /// A build may take minutes: what cannot work is said before.
    private static func requireDirectory(_ path: String) throws(CommandFailure) {
        guard let kind = try? PosixDisk().kind(of: path) else {
            throw CommandFailure(opening: path, .noDirectory(path))
        }
        guard kind == .directory else {
            throw CommandFailure(
                "this is no data directory",
                place: path,
                reason: "it is a file",
                next: "give another --data"
            )
        }
    }

    package static let plan = Command(
        "plan",
        summary: "say what deploying a job would change",
        discussion: "Of each input, store, repartition and output of the job: refuse (the job does "
            + "not start),\nrebuild (made anew of what the log holds), orphan (left lying), create "
            + "or keep. Nothing is\nopened or written, and the job may run meanwhile. It ends with "
            + "2 where something is refused.",
        parameters: [job.declaration, product.declaration] + PlanOptions.parameters,
        examples: [.init("millrace plan Jobs/WordCount", "before the changed job is run")],
        exits: [.init("2", "the job would be refused")]
    ) { invocation in
        let options = PlanOptions(invocation)
        let builder = try builder(invocation)
        try requireDirectory(options.dataDirectory)
        throw replaceProcess(try builder.binary(), ["plan"] + options.words)
    }

    package static let describe = Command(
        "describe",
        summary: "print a job's topology",
        parameters: [job.declaration, product.declaration] + DescribeFormat.parameters,
        examples: [
            .init("millrace describe Jobs/WordCount", "operators, stores and topics"),
            .init("millrace describe Jobs/WordCount --format mermaid", "a flow chart"),
        ]
    ) { invocation in
        let binary = try builder(invocation).binary()
        let format = invocation[DescribeFormat.parameter].rawValue
        let data = invocation[DataDirectoryOption.parameter]
        throw replaceProcess(binary, ["describe", "--format", format, "--data", data])
    }

    private static let package = Parameter.argument(
        .path("JOB", .folder),
        help: "the folder of a job's package"
    )
    private static let filter = Parameter.optional(
        "filter",
        .nonemptyText("PATTERN"),
        help: "only tests whose name, as `TARGET.NAME()`, has a part that this regular expression "
            + "matches"
    )

    package static let test = Command(
        "test",
        summary: "build a job's tests and run them",
        discussion: "As swift test does in the job's folder, but in the one that jobs build in "
            + "(millrace run --help), so\nthat only the first job's tests wait for Millrace "
            + "itself. Ends with 0 where there were tests, and all\npassed. One job at a time is "
            + "built or tested there; others wait.",
        parameters: [package.declaration, filter.declaration],
        examples: [
            .init("millrace test Jobs/WordCount", "all of its tests"),
            .init("millrace test Jobs/WordCount --filter crash", "those about crashes"),
        ],
        exits: [.init("1", "a test failed, none was run, or the tests do not compile")]
    ) { invocation in
        let folder = plainPath(invocation[package])
        let builder = JobBuilder(job: folder, product: nil)
        guard try !builder.isProgram() else {
            throw CommandFailure(
                "a built binary has no tests with it",
                place: folder,
                reason: "tests are built of the job's package",
                next: "give the folder of the job's package"
            )
        }
        return try builder.buildTests().run(filter: invocation[filter])
    }

    /// Becomes the job: its signals and its exit code are then the command's. Returns only why not.
    private static func replaceProcess(_ job: BuiltJob, _ words: [String]) -> CommandFailure {
        // A pending signal disposition would survive into the job.
        signal(SIGPIPE, SIG_DFL)
        signal(SIGXFSZ, SIG_DFL)
        var arguments: [UnsafeMutablePointer<CChar>?] = ([job.path] + words).map { strdup($0) }
        arguments.append(nil)
        let reason = withExtendedLifetime(job) {
            execv(job.path, arguments)
            return String(cString: strerror(errno))
        }
        for argument in arguments { free(argument) }
        return CommandFailure("the job does not start", place: job.path, reason: reason)
    }
}
