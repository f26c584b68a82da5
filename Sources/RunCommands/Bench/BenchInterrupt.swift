import DirectoryAccess
import Glibc
import LogStorage
import Terminal
import Threads

/// What a signal does to a benchmark: it ends at once, and says where its folder stays, which may
/// be large.
final class BenchInterrupt: Sendable {
    private let folder: String
    /// The process that does a part of the work; 0 for none.
    private let child = Lock<Int32>(0)

    private init(folder: String) { self.folder = folder }

    /// Waits for signals until the process ends. Start it before the benchmark starts its threads.
    @discardableResult
    static func start(folder: String) throws(CommandFailure) -> BenchInterrupt {
        let interrupt = BenchInterrupt(folder: folder)
        let signals = try SignalListener.start()
        signals.beforeEnd { interrupt.leave() }
        signals.onRequest {
            interrupt.leave()
            _exit((signals.request ?? .terminate).rawValue)
        }
        return interrupt
    }

    /// Notes the process that has to end with this one; 0 for none.
    func note(child process: Int32) { child.withLock { $0 = process } }

    private func leave() {
        let process = child.withLock { $0 }
        if process > 0 { kill(process, SIGKILL) }
        if (try? PosixDisk().kind(of: folder)) == .directory {
            TextOutput.error.write(
                "note: the benchmark was ended, and its folder stays\n  where: \(folder)\n"
                    + "  next: rm -r \(shellPath(folder))\n"
            )
        }
    }
}
