package import BrokerAPI
import Telemetry
import Threads

/// Tells what was denied, who failed to log in and which requests were too large, in a thread of
/// its own: standard error may be a pipe that nobody reads, and no request waits for that. What
/// finds no place is dropped, and told as a number once there is one.
package final class DenialLog: Sendable {
    private enum Entry: Sendable {
        case denial(Denial)
        case login(LoginFailure)
        case oversized(OversizedRequest)
    }

    private struct Queue: Sendable {
        var entries: [Entry] = []
        var droppedCount = 0
        var isStopping = false
    }

    private enum Turn: Sendable {
        case tell([Entry], droppedCount: Int)
        case end
    }

    /// Beyond so many waiting ones more are dropped.
    package static let limit = 256
    /// Longer names are cut: nobody has to read more to know who asks for what.
    private static let nameLimit = 256
    /// How long the end waits for what is not told yet.
    private static let patience = Duration.seconds(1)

    private let queue = ConditionLock(Queue())
    private let hasEnded = ConditionLock(false)

    package init(
        wallMilliseconds: @escaping @Sendable () -> Int64,
        write: (@Sendable (String) -> Void)? = nil
    ) {
        let logger = Logger(
            level: .info,
            format: .text,
            wallMilliseconds: wallMilliseconds,
            write: write ?? Logger.standardError
        )
        let (queue, hasEnded) = (self.queue, self.hasEnded)
        // Not joined: it may hang in a write for ever.
        _ = OwnedThread {
            while case .tell(let entries, let droppedCount) = Self.next(queue) {
                for entry in entries { Self.tell(entry, logger) }
                guard droppedCount > 0 else { continue }
                logger.log(
                    .warning,
                    "denials and failed logins were not told: standard error takes no more",
                    ["count": "\(droppedCount)"]
                )
            }
            hasEnded.update { $0 = true }
        }
    }

    /// Takes a denial, or drops it; never waits.
    package func add(_ denial: Denial) { add(.denial(denial)) }

    /// The same of a login that failed.
    package func add(_ failure: LoginFailure) { add(.login(failure)) }

    /// The same of a request that would take too much memory.
    package func add(_ request: OversizedRequest) { add(.oversized(request)) }

    private func add(_ entry: Entry) {
        queue.update { state in
            if state.entries.count < Self.limit, !state.isStopping {
                state.entries.append(entry)
            } else {
                state.droppedCount += 1
            }
        }
    }

    /// Has what waits told, as far as that goes at once.
    package func stop() {
        queue.update { $0.isStopping = true }
        _ = hasEnded.wait(atMost: Self.patience) { $0 ? () : nil }
    }

    private static func next(_ queue: ConditionLock<Queue>) -> Turn {
        queue.waitAndTake { state in
            guard !state.entries.isEmpty else { return state.isStopping ? .end : nil }
            defer { state = Queue(isStopping: state.isStopping) }
            return .tell(state.entries, droppedCount: state.droppedCount)
        }
    }

    private static func tell(_ entry: Entry, _ logger: Logger) {
        switch entry {
        case .denial(let denial): tell(denial, logger)
        case .login(let failure):
            logger.log(
                .warning,
                "login failed",
                [
                    "host": failure.host, "mechanism": failure.mechanism,
                    "untold": "\(failure.silentCount)",
                ]
            )
        case .oversized(let request):
            logger.log(
                .warning,
                "request refused: it takes more memory than queued.max.request.bytes allows",
                [
                    "host": request.host, "request": request.api,
                    "bytes": "\(request.byteCount)", "untold": "\(request.silentCount)",
                ]
            )
        }
    }

    private static func tell(_ denial: Denial, _ logger: Logger) {
        logger.log(
            .warning,
            "denied",
            [
                "principal": cut(denial.principal), "host": denial.host,
                "operation": denial.operation.word, "resource": denial.type.word,
                "name": cut(denial.name), "untold": "\(denial.silentCount)",
            ]
        )
    }

    private static func cut(_ name: String) -> String {
        guard name.unicodeScalars.count > nameLimit else { return name }
        return String(String.UnicodeScalarView(name.unicodeScalars.prefix(nameLimit))) + "…"
    }
}
