import Broker
import JobRunner
import LogClient
import StreamsRuntime
import Terminal

/// The executable `millrace`.
@main
enum MillraceCommand {
    /// The version of the package.
    static let version = "0.1.0"

    static let root = makeRoot()

    private static func makeRoot() -> Command {
        Command(
            "millrace", summary: "exactly-once stream processing with its own log",
            examples: [
                .init("millrace topic create lines --partitions 4", "make a topic"),
                .init("millrace produce lines < text.txt", "fill it"),
                .init("millrace run Jobs/WordCount --until-caught-up", "run a job over it"),
            ],
            subcommands: [
                TopicCommands.command, ProduceCommand.command, ConsumeCommand.command,
                JobCommands.run, JobCommands.describe, NewCommand.command, LogCommands.command,
                BenchCommand.command, ShellCommands.completions,
                ShellCommands.version,
            ])
    }

    static func main() {
        Program(root, explain: explain).main()
    }

    /// Words for the errors of the modules below.
    private static func explain(_ error: any Error) -> CommandFailure {
        switch error {
        case let error as LogClientError: CommandFailure("the log refused", reason: "\(error)")
        case let error as BrokerError: CommandFailure("the log refused", reason: "\(error)")
        case let error as StreamsError: CommandFailure("the job failed", reason: error.message)
        default: CommandFailure("\(error)")
        }
    }
}
