import Broker
import Glibc
import KafkaDirectory
import LogStorage
import Terminal

/// Where a benchmark runs, looked at before it begins: what it needs and does not have would show
/// as a failure in its middle.
struct BenchPlace {
    let directory: String
    /// What the process may have open at once.
    var fileLimit = DescriptorBudget.raise()

    /// The log, the stores and their threads together.
    static let fewestFiles = 256

    func check() throws(CommandFailure) {
        let kind: DiskEntryKind?
        do throws(DiskError) { kind = try PosixDisk().kind(of: directory) } catch {
            throw refusal(error.words)
        }
        switch kind {
        case nil: throw refusal("the folder does not exist")
        case .file: throw refusal("it is a file")
        case .directory: break
        }
        guard access(directory, W_OK | X_OK) == 0 else {
            throw refusal("nothing can be written there: \(String(cString: strerror(errno)))")
        }
        guard fileLimit >= Self.fewestFiles else {
            throw CommandFailure(
                "a benchmark cannot run with so few open files",
                reason: "this process may have \(grouped(fileLimit)) open at once; it needs "
                    + grouped(Self.fewestFiles),
                next: "ulimit -n \(Self.fewestFiles)"
            )
        }
    }

    private func refusal(_ reason: String) -> CommandFailure {
        CommandFailure(
            "the benchmark has no folder to run in",
            place: directory,
            reason: reason,
            next: "name an existing folder with --directory"
        )
    }
}
