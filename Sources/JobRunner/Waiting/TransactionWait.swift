import Broker
import Coordination
import DirectoryAccess
import EmbeddedClient
import Glibc
import LogClient
import LogModel
import StreamsRuntime
import Synchronization
import Terminal
import Threads

/// Says, from a thread of its own, which foreign transactions a run waits for that ends when it has
/// caught up: it would wait without a word otherwise, for as long as they are open.
final class TransactionWait: Sendable {
    private let isDone = Atomic(false)
    private let thread = Lock<OwnedThread?>(nil)
    private static let pollMicroseconds: UInt32 = 100_000
    private static let lookNanoseconds: UInt64 = 1_000_000_000

    private let log: OpenLog
    private let targets: [TopicPartition: Offset]

    /// Looks until `stop()` at what keeps the positions of `sample` from the ends of `targets`.
    init(
        _ log: OpenLog,
        targets: [TopicPartition: Offset],
        sample: @escaping @Sendable () -> [ThreadProgress.Snapshot],
        tell: @escaping @Sendable (String) -> Void
    ) {
        self.log = log
        self.targets = targets
        let started = OwnedThread { [self] in
            let time = SystemTimeSource()
            var held = HeldPartitions()
            var last = time.monotonicNanoseconds()
            while !isDone.load(ordering: .acquiring) {
                usleep(Self.pollMicroseconds)
                let now = time.monotonicNanoseconds()
                guard now - last >= Self.lookNanoseconds else { continue }
                last = now
                for look in held.look(looks(sample()), at: now) {
                    tell(words(look, now: time.wallTime()))
                }
            }
        }
        thread.withLock { $0 = started }
    }

    func stop() {
        isDone.store(true, ordering: .releasing)
        thread.withLock { $0.take() }?.join()
    }

    private func looks(_ snapshots: [ThreadProgress.Snapshot]) -> [HeldPartitions.Look] {
        targets.compactMap { partition, target in
            let position = snapshots.lazy.compactMap { $0.positions[partition] }.first
            // One that cannot be asked stops the job itself, with the reason.
            guard let position, position < target,
                let bounds = try? log.client.bounds(of: partition)
            else { return nil }
            return HeldPartitions.Look(
                partition: partition,
                position: position,
                target: target,
                lastStable: bounds.lastStableOffset
            )
        }
    }

    /// What is waited for, and what ends the waiting.
    private func words(_ look: HeldPartitions.Look, now: Timestamp) -> String {
        let (name, start) = (look.partition, look.lastStable.rawValue)
        let begin =
            "the run waits for a transaction that is open in \(name) from offset \(start) on"
        let open = log.broker.observeTransactions()
            .filter { $0.partitions.contains { $0.name == name } }
            .min { $0.startTime < $1.startTime }
        guard let open else {
            let abort = nextCommand(
                """
                txn abort --topic \(name.topic) --partition \(name.partition.rawValue) \
                --start-offset \(start)
                """,
                data: log.directory
            )
            return begin + ", of which no coordinator knows: it never ends by itself; \(abort)"
        }
        let age = Duration.milliseconds(max(0, open.startTime.milliseconds(to: now)))
        let limit = Duration.milliseconds(Int64(open.timeoutMilliseconds))
        let abort = nextCommand("txn abort \(argument: open.transactionalID)", data: log.directory)
        return begin
            + ": that of '\(open.transactionalID)', open for \(age.spelled); it goes on when "
            + "its producer ends it, after \(limit.spelled) of it at the latest, or by \(abort)"
    }
}
