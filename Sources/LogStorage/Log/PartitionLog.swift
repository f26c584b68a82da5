package import LogModel
import Synchronization
import Threads

/// The log of one partition: appends whole batches and serves what is durable.
///
/// The high watermark is the durable end: nothing behind it is ever served, and an append counts
/// only once a group of the journal, or a flush of the segment, has made it durable
/// (`GroupCommit`). A failed flush is final: what it lost cannot be known, so the partition stops
/// acknowledging.
///
/// A partition sleeps until it is needed: what it is asked most often (`bounds`) the directory's
/// checkpoint knows. Its folder is made at its first append.
///
/// Lock order: `waking` before `state`. Neither is held while anything is flushed.
package final class PartitionLog: Sendable {
    package let name: TopicPartition
    package let key: PartitionKey
    let files: PartitionFiles
    let context: LogContext
    let state: Lock<LogState>
    let waking: Lock<Sleep>
    private let wasWoken = Atomic<Bool>(false)
    /// Somebody waits for its ends to move.
    let isWatched = Atomic<Bool>(false)
    private let options: Lock<LogConfiguration>
    /// Held by whoever removes or replaces segments: one at a time. Before `state`.
    private let maintenance = Lock<Void>(())
    /// Held by whoever flushes the segments themselves: one at a time. Before `state`.
    let bulkFlush = Lock<Void>(())
    /// Held by whoever makes the segments stand for themselves. Before `state`.
    let fileWork = Lock<Void>(())
    private let wasRetired = Atomic<Bool>(false)
    /// Nothing told where it ends when the directory was opened.
    package let isOfUnknownEnd: Bool

    /// What is known of a partition that was not opened.
    enum Sleep: Sendable {
        /// What the journal has of it is not in its segments yet, for a reason that may pass. Then
        /// asleep, or offline.
        case unreplayed(PartitionFacts, reason: String)
        case asleep(PartitionFacts)
        case awake(RecoveryReport)
        case offline(String)
    }

    init(
        name: TopicPartition,
        key: PartitionKey,
        directory: String,
        configuration: LogConfiguration,
        context: LogContext,
        facts: PartitionFacts
    ) {
        self.name = name
        self.key = key
        self.context = context
        files = PartitionFiles(disk: context.disk, directory: directory)
        state = Lock(LogState())
        waking = Lock(Sleep(facts))
        options = Lock(configuration)
        isOfUnknownEnd = facts.isOfUnknownEnd
    }

    package var configuration: LogConfiguration {
        get { options.withLock { $0 } }
        set { options.withLock { $0 = newValue } }
    }

    var time: any TimeSource { context.time }

    /// Its records decide the fate of records elsewhere: groups take it first.
    var isDeciding: Bool { name.topic == "__transaction_state" }

    /// The same if nobody else does it now; nil if somebody does.
    func maintainingIfIdle<Result>(
        _ body: () throws(LogStorageError) -> Result
    ) throws(LogStorageError) -> Result? {
        let outcome = maintenance.withLockIfAvailable {
            _ -> Swift.Result<Result, LogStorageError> in
            do throws(LogStorageError) {
                try completeInterruptedSwap()
                return .success(try body())
            } catch { return .failure(error) }
        }
        return try outcome?.get()
    }

    /// Runs `body` while nobody else removes or replaces segments. What a full disk has stopped
    /// half-way is completed first.
    func maintaining<Result>(
        _ body: () throws(LogStorageError) -> Result
    ) throws(LogStorageError) -> Result {
        try maintenance.withLock { _ throws(LogStorageError) in
            try completeInterruptedSwap()
            return try body()
        }
    }

    // MARK: Waking

    /// It was opened, and is not out of use.
    var isAwake: Bool { wasWoken.load(ordering: .acquiring) }

    /// Opens the partition if it sleeps: finds its segments, cuts what nothing vouches for, reads
    /// what has to be read.
    ///
    /// - Throws: `.offline` if it cannot be opened, now and later; `.disk` where it lacked room,
    ///   memory or descriptors just now.
    func wake() throws(LogStorageError) {
        if isAwake { return }
        try waking.withLock { sleep throws(LogStorageError) in
            switch sleep {
            case .awake: return
            case .offline(let reason), .unreplayed(_, let reason): throw .offline(reason)
            case .asleep(let facts):
                do throws(LogStorageError) {
                    var recovery = LogRecovery(
                        files: files,
                        configuration: configuration,
                        context: context,
                        key: key,
                        facts: facts
                    )
                    let (recovered, report) = try recovery.run()
                    if isOfUnknownEnd {
                        // Those that no block reaches were given out by nobody here.
                        let ids = recovered.producers.entries.keys.lazy
                        let own = ids.filter { $0 < ProducerIDBlock.limit }
                        if let last = own.max() { context.noteFound(last) }
                    }
                    state.withLock { state in
                        state = recovered
                        state.noteFoundOpen()
                        state.appendedByteCount = 0
                        registerIfLacking(&state)
                    }
                    sleep = .awake(report)
                    wasWoken.store(true, ordering: .releasing)
                } catch {
                    // What passes leaves it asleep: who asks next finds it better.
                    if case .disk(let failure) = error, failure.isPassing { throw error }
                    let reason = Self.reason(error)
                    sleep = .offline(reason)
                    throw .offline(reason)
                }
            }
        }
    }

    static func reason(_ error: LogStorageError) -> String {
        switch error {
        case .offline(let reason), .corrupt(let reason), .readOnly(let reason),
            .invalidConfiguration(let reason), .noDirectory(let reason),
            .kafkaDirectory(let reason), .foreignDirectory(let reason), .otherFormat(let reason):
            reason
        case .disk(let error): error.description
        case .offsetOutOfRange, .bufferTooSmall: "it cannot be opened"
        }
    }

    /// What opening it found and did; nil while it sleeps, or if it could not be opened.
    package var recoveryReport: RecoveryReport? {
        waking.withLock { if case .awake(let report) = $0 { report } else { nil } }
    }

    /// Why the partition cannot be opened; nil if it can, or nobody tried.
    package var offlineReason: String? {
        waking.withLock { sleep in
            switch sleep {
            case .offline(let reason), .unreplayed(_, let reason): reason
            case .asleep, .awake: nil
            }
        }
    }

    /// Its topic was deleted: nobody counts on its records any more.
    package var isRetired: Bool { wasRetired.load(ordering: .sequentiallyConsistent) }

    /// Takes the partition out of use; whoever reads from it is done with it before its files go.
    func retire(_ reason: String) {
        wasRetired.store(true, ordering: .sequentiallyConsistent)
        waking.withLock { sleep in
            wasWoken.store(false, ordering: .releasing)
            sleep = .offline(reason)
        }
        // What works on the files goes by their names, which another topic may have next.
        let segments = maintenance.withLock { _ in
            bulkFlush.withLock { _ in
                fileWork.withLock { _ in
                    state.withLock { state in
                        let segments = state.segments
                        state = LogState()
                        state.readOnlyReason = reason
                        return segments
                    }
                }
            }
        }
        noteMoved()
        for segment in segments {
            segment.file.discard()
            context.indexes.remove(segment.file)
        }
    }

    // MARK: Facts

    /// The offsets between which the log can be read, now. Opens nothing where the checkpoint
    /// tells all.
    package var bounds: LogBounds {
        get throws(LogStorageError) {
            if let known = knownBounds { return known }
            try wake()
            return state.withLock { $0.bounds }
        }
    }

    /// The bounds, where they are known without opening anything.
    package var knownBounds: LogBounds? {
        if isAwake { return state.withLock { $0.bounds } }
        return waking.withLock { sleep in
            switch sleep {
            case .awake: state.withLock { $0.bounds }
            case .offline, .unreplayed: nil
            case .asleep(let facts): facts.bounds
            }
        }
    }

    /// Where the log ends at least, known without opening anything.
    package var certainEnd: Offset {
        if isAwake { return state.withLock { $0.logEnd } }
        return waking.withLock { sleep in
            switch sleep {
            case .awake: state.withLock { $0.logEnd }
            case .offline: .zero
            case .asleep(let facts), .unreplayed(let facts, _): facts.recovery.place.offset
            }
        }
    }

    /// Why the partition takes no appends; nil if it does.
    package var readOnlyReason: String? {
        if let offlineReason { return offlineReason }
        return state.withLock { $0.readOnlyReason }
    }

    /// Whether it may hold transactions that are open; false without opening it where the
    /// checkpoint tells so.
    package var mayHaveOpenTransactions: Bool {
        guard let bounds = knownBounds else { return isUnreplayed || offlineReason == nil }
        return bounds.lastStableOffset < bounds.highWatermark
    }

    /// Behind the last record that a restart finds.
    package var durableEnd: Offset {
        if isAwake { return state.withLock { $0.durable.offset } }
        return knownBounds?.highWatermark ?? .zero
    }

    /// The epoch in which the next batch is written, as far as that is known without opening
    /// anything.
    package var knownLeaderEpoch: LeaderEpoch? {
        if isAwake { return state.withLock { $0.epochs.latest } }
        // Nothing was ever written: it begins with ours.
        return knownBounds?.logEnd == .zero ? LeaderEpoch(0) : nil
    }

    /// The epoch of the batch at `offset`, with the same limit.
    package func leaderEpoch(at offset: Offset) -> LeaderEpoch? {
        guard isAwake else { return nil }
        return state.withLock { $0.epochs.expected(at: offset) }
    }

    /// The latest epoch that is not above `epoch`, and where its records end. An epoch before all
    /// that are known ends where the first one begins. Nil for one that nobody wrote in yet, and
    /// for -1, which is none.
    package func end(
        of epoch: LeaderEpoch
    ) throws(LogStorageError) -> (epoch: LeaderEpoch, end: Offset)? {
        try wake()
        return state.withLock { state in
            let latest = state.epochs.latest
            guard epoch <= latest, epoch != LeaderEpoch(-1) else { return nil }
            if epoch == latest { return (latest, state.bounds.highWatermark) }
            let starts = state.epochs.starts
            guard let index = starts.lastIndex(where: { $0.epoch <= epoch }) else {
                return (epoch, max(state.logStart, starts.first?.offset ?? .zero))
            }
            let next = index + 1
            return (
                starts[index].epoch,
                next < starts.count ? starts[next].offset : state.bounds.highWatermark
            )
        }
    }

    /// The epoch of the transaction that a producer holds open here; nil if it holds none.
    package func openTransactionEpoch(
        of producerID: ProducerID
    ) throws(LogStorageError) -> ProducerEpoch? {
        try wake()
        return state.withLock { $0.producers.openTransactionEpoch(of: producerID) }
    }

    /// The epoch of the coordinator that ended a producer's last transaction here; -1 for none.
    package func coordinatorEpoch(of producerID: ProducerID) throws(LogStorageError) -> Int32 {
        try wake()
        return state.withLock { $0.producers.entries[producerID]?.coordinatorEpoch ?? -1 }
    }
}
