import ClientCommands
import DirectoryAccess
import DirectoryCommands
import FoundationErrors
import RunCommands
import Terminal

/// The executable `millrace`.
@main
enum MillraceCommand {
    static let root = makeRoot()

    private static func makeRoot() -> Command {
        Command(
            "millrace",
            summary: "exactly-once stream processing with its own log",
            examples: [
                .init("millrace topic create lines --partitions 4", "make a topic"),
                .init("millrace produce lines < text.txt", "fill it"),
                .init("millrace run Jobs/WordCount --until-caught-up", "run a job over it"),
            ],
            subcommands: [
                TopicCommands.command, ProduceCommand.command, ConsumeCommand.command,
                GroupCommands.command, LagCommand.command, DlqCommands.command,
                TransactionCommands.command, UserCommands.command, AclCommands.command,
                ServeCommand.command, JobCommands.run, JobCommands.test, JobCommands.plan,
                JobCommands.describe,
                NewCommand.command, StateCommands.command, LogCommands.command,
                DoctorCommand.command, BenchCommand.command,
                ShellCommands.completions, ShellCommands.version, ReferenceCommand.command,
            ]
        )
    }

    static func main() {
        Program(root) { error in
            foundationWords(of: error).map { CommandFailure("the work failed", reason: $0) }
                ?? CommandFailure.explaining(error)
        }.main()
    }
}
