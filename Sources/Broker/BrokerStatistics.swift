import Synchronization

/// What the log did since it was opened.
package struct BrokerStatistics: Equatable, Sendable {
    /// fdatasyncs of the journal and of segments.
    package var fdatasyncCount = 0
    /// Bytes written to the journal.
    package var journalByteCount: Int64 = 0
    /// Transactions committed: durable Prepare records of commits.
    package var commitCount = 0
    package var abortCount = 0
    /// Batches appended to partitions, markers apart.
    package var batchCount = 0
    /// Their bytes.
    package var byteCount = 0
    /// Background work that failed: flushes, retention, expiry of transactions. The partition or
    /// the next try tells why.
    package var failureCount = 0
}

/// The counters behind `BrokerStatistics`; any thread adds.
final class BrokerCounters: Sendable {
    private let commits = Atomic<Int>(0)
    private let aborts = Atomic<Int>(0)
    private let batches = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let failures = Atomic<Int>(0)

    func count(batchByteCount: Int) {
        batches.add(1, ordering: .relaxed)
        bytes.add(batchByteCount, ordering: .relaxed)
    }

    func countEnd(isCommit: Bool) {
        if isCommit {
            commits.add(1, ordering: .relaxed)
        } else {
            aborts.add(1, ordering: .relaxed)
        }
    }

    func countFailure() {
        failures.add(1, ordering: .relaxed)
    }

    /// All but the fdatasyncs, which the partitions count.
    var values: BrokerStatistics {
        BrokerStatistics(
            commitCount: commits.load(ordering: .relaxed),
            abortCount: aborts.load(ordering: .relaxed),
            batchCount: batches.load(ordering: .relaxed),
            byteCount: bytes.load(ordering: .relaxed),
            failureCount: failures.load(ordering: .relaxed)
        )
    }
}
