package import Coordination
import Glibc
import LogModel
package import LogStorage

/// How an embedded log behaves.
package struct BrokerConfiguration: Sendable {
    /// Who does the work behind a call.
    package enum Execution: Sendable, Equatable {
        /// The calling thread does all of it, markers included: simulation and tests.
        case inline
        /// One thread makes groups durable, a small pool flushes files in parallel and ends
        /// transactions behind the durable Prepare, one more runs `housekeeping`.
        case threads(flushThreadCount: Int)
    }

    package var execution = Execution.threads(flushThreadCount: 3)
    /// Partitions of `__transaction_state` and `__consumer_offsets` when they are first made.
    package var internalPartitionCount: Int32 = 4
    /// How much a partition grows until a background flush begins, so that a commit's own flush
    /// has little left: at 1 GB/s a few milliseconds' worth.
    package var writebackByteCount = 8 << 20
    /// How much a partition grows until the disk is told to begin with it: what a commit's flush
    /// then finds left is less than this a partition.
    package var writeOutByteCount = 256 << 10
    /// The longest transaction timeout that a producer may ask for (`transaction.max.timeout.ms`).
    package var maximumTransactionTimeout = Duration.seconds(900)
    /// How long a group's offsets are kept after its last commit (`offsets.retention.minutes`).
    package var offsetsRetention = Duration.seconds(7 * 24 * 3600)
    /// Before this no offsets expire: whoever starts with the log asks for his first.
    package var offsetsExpirationDelay = Duration.seconds(600)
    /// How often open transactions, retention and free space are looked at.
    package var housekeepingInterval = Duration.seconds(1)
    /// How often compacted topics are looked at.
    package var cleaningInterval = Duration.seconds(1)
    /// A cleaning that waits for a write-back of its segments has them written back, so long after
    /// the last write-back at the earliest.
    package var cleaningWriteBackInterval = Duration.seconds(5)
    /// At the latest after this, what the journal vouches for is written back.
    package var writeBackInterval = Duration.seconds(60)
    /// Produces are refused below this much free space, so that commits, aborts and markers of
    /// what was appended still find room.
    package var reservedByteCount: Int64 = 16 << 20
    /// The journal's sizes, and how many files are kept open.
    package var journal = JournalConfiguration()
    /// What is written into the lock file behind the process id, such as an address to talk to.
    package var ownerNote = ""
    /// Sessions and rebalances of groups with members.
    package var groups = GroupSettings()

    package init(execution: Execution = .threads(flushThreadCount: 3)) {
        self.execution = execution
    }

    /// What the lock file says of this process.
    var owner: String {
        let process = "process \(getpid())"
        return ownerNote.isEmpty ? process : "\(process) (\(ownerNote))"
    }
}

extension Duration {
    /// In 32 bits, as Kafka's protocol has time-outs.
    var shortMilliseconds: Int32 { Int32(clamping: wholeMilliseconds) }
}
