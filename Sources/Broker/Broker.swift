package import Bytes
import Coordination
package import LogModel
package import LogStorage
import Synchronization
package import Threads

/// The bundled log in this process: topics, partitions, both coordinators, one owner a directory.
///
/// Acknowledged means durable: the high watermark is the durable end, and nothing behind it is
/// served. Many appends become durable by one flush (`GroupCommit`). Locks are short and stand
/// alone: a coordinator's shard, the topics' table, a partition's; none is held while another is
/// taken (`liveGroups` is the exception), or over the disk. What changes topics, grants producer
/// ids or makes an internal topic goes one at a time, and holds a lock of its own meanwhile.
package final class Broker: Sendable {
    package let directory: String
    package let configuration: BrokerConfiguration
    /// What the opening found that a person should know, a line each.
    package var notes: [String] { recoveryNotes + laterNotes.withLock { $0 } }
    private let recoveryNotes: [String]
    let laterNotes = Lock<[String]>([])

    /// The disk on which the directory's path means the folder that was opened.
    package let disk: any Disk
    let time: any TimeSource
    let makeID: @Sendable () -> UniqueID
    let dataDirectory: DataDirectory
    let topicTable: Lock<TopicNames>
    let transactionShards = Lock<[TransactionShard]>([])
    let offsetShards = Lock<[OffsetShard]>([])
    /// The ends of what the last process left open in partitions, and no coordinator ends.
    let hangingEnds = Lock(PendingMarkers())
    /// What the opening could not read, and what is tried again of it.
    let comingBack: Lock<ComingBack>
    /// Positions that are to be put back before anybody is told of them.
    let putBacks = Lock<[PositionPutBack]>([])
    let producerIDs: ProducerIDs
    /// Held while one of the internal topics is made.
    let makingInternal = Lock<Void>(())
    let change = ChangeSignal()
    let groupTimer = GroupTimer()
    let counters: BrokerCounters
    let space: SpaceGuard
    private let threads = Lock<BrokerThreads?>(nil)
    private let isClosed = Atomic<Bool>(false)
    /// When it was opened, on the monotonic clock.
    let openingTime: UInt64
    /// Topics that an import has left half filled: they take nothing from outside.
    package let unfinishedTopics = Lock<Set<UniqueID>>([])
    /// Groups whose positions somebody of this process has asked for: it may count on them. May be
    /// taken behind the lock of an offset shard, never in front of it.
    let liveGroups = Lock<[ExactText: LiveGroup]>([:])
    /// Whose producer ids no import may bring: transactional ids, as they were at the first
    /// imported batch. Later ones are above all that was imported.
    let ownProducers = Lock<[ProducerID: String]?>(nil)
    /// Held by whoever changes a topic's options: a change counts on those that it found.
    let altering = Lock<Void>(())
    /// Where housekeeping and cleaning go on with partitions that sleep.
    let retentionTurns = Lock(SleeperTurns())
    let cleaningTurns = Lock(SleeperTurns())
    /// Until when there is no compaction, on the monotonic clock: it found no room.
    let cleaningPause = Atomic<UInt64>(0)
    /// Until when compaction leaves partitions alone that found no room where they lie.
    let partitionPauses = Lock<[TopicIDPartition: UInt64]>([:])
    /// When segments were last written back for the cleaner, on the monotonic clock.
    let lastCleaningWriteBack = Atomic<UInt64>(0)
    /// When segments were last written back, on the monotonic clock.
    let lastWriteBack = Atomic<UInt64>(0)

    /// Opens the log in `directory`, which is made if it does not exist and it `creates`: takes the
    /// lock, makes durable what the journal vouches for, replays the coordinators and ends the
    /// transactions that a crash left. Other partitions are opened when they are needed.
    package static func open(
        disk: any Disk,
        directory: String,
        configuration: BrokerConfiguration = BrokerConfiguration(),
        time: any TimeSource = SystemTimeSource(),
        creates: Bool = true,
        makeID: @escaping @Sendable () -> UniqueID = Broker.randomID
    ) throws(BrokerError) -> Broker {
        let data: DataDirectory
        do throws(LogStorageError) {
            data = try DataDirectory.open(
                disk: disk,
                path: directory,
                owner: configuration.owner,
                creates: creates,
                time: time,
                journal: configuration.journal
            )
        } catch .disk(.locked(_, let owner)) {
            throw .directoryInUse(directory: directory, owner: owner)
        } catch {
            throw BrokerError(error, in: directory)
        }
        do throws(BrokerError) {
            var recovery = BrokerRecovery(data, configuration: configuration, time: time)
            let broker = Broker(
                try recovery.run(),
                data,
                configuration: configuration,
                time: time,
                makeID: makeID
            )
            broker.finishWhatACrashLeft()
            broker.startThreads()
            return broker
        } catch {
            data.release()
            throw error
        }
    }

    /// An id from the system's source of random numbers.
    @Sendable package static func randomID() -> UniqueID {
        var random = SystemRandomNumberGenerator()
        return UniqueID(high: random.next(), low: random.next())
    }

    private init(
        _ recovered: RecoveredLog,
        _ data: DataDirectory,
        configuration: BrokerConfiguration,
        time: any TimeSource,
        makeID: @escaping @Sendable () -> UniqueID
    ) {
        directory = data.path
        dataDirectory = data
        self.configuration = configuration
        disk = data.disk
        self.time = time
        openingTime = time.monotonicNanoseconds()
        comingBack = Lock(ComingBack(pace: RetryPace(failedAt: openingTime)))
        self.makeID = makeID
        recoveryNotes = recovered.notes
        counters = recovered.counters
        topicTable = Lock(TopicNames(topics: recovered.topics))
        producerIDs = ProducerIDs(recovered.producerIDs, data)
        space = SpaceGuard(
            disk: data.disk,
            path: data.path,
            reservedByteCount: configuration.reservedByteCount
        )
        transactionShards.withLock { $0 = recovered.transactionShards }
        offsetShards.withLock { $0 = recovered.offsetShards }
        data.groups.onDurable { [change] in change.raise() }
    }

    /// Makes everything durable, ends the threads, writes back what the journal vouches for and
    /// gives up the lock. Open transactions stay open: their owner, or the timeout, ends them.
    package func close() throws(BrokerError) {
        guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return }
        groupTimer.stop()
        threads.withLock { $0.take() }?.stop()
        applyRetentionInUse()
        try storing(directory) { () throws(LogStorageError) in try dataDirectory.close() }
    }

    /// The clock that stamps what the log writes.
    package var clock: any TimeSource { time }

    /// Counters since the log was opened.
    package var statistics: BrokerStatistics {
        var statistics = counters.values
        statistics.fdatasyncCount = dataDirectory.fdatasyncCount
        statistics.journalByteCount = dataDirectory.journalByteCount
        return statistics
    }

    /// Waits until a reader may find more than when `signal` was returned, or until `timeout`;
    /// returns the signal for the next call. Begin with 0.
    package func waitForChange(since signal: UInt64, timeout: Duration) -> UInt64 {
        if case .inline = configuration.execution { return change.current }
        return change.wait(since: signal, timeout: timeout)
    }

    /// Has `body` called whenever readers may find more; it must be short, and replaces the last.
    package func onChange(_ body: @escaping @Sendable () -> Void) { change.observe(body) }

    /// The logs that somebody watches and that have moved, once: asked behind a change.
    package func movedLogs() -> [PartitionLog] { dataDirectory.takeMoved() }

    /// Makes what was appended to these partitions durable, and waits for it.
    func flush(_ partitions: [Partition]) throws(BrokerError) {
        guard !partitions.isEmpty else { return }
        let logs = partitions.map(\.log)
        let name = partitions.count == 1 ? partitions[0].name.description : directory
        try storing(name) { () throws(LogStorageError) in
            try dataDirectory.groups.flushAndWait(logs)
        }
    }

    func checkOpen() throws(BrokerError) {
        if isClosed.load(ordering: .relaxed) { throw .closed }
    }

    // MARK: Threads

    private func startThreads() {
        guard case .threads(let count) = configuration.execution else { return }
        let started = BrokerThreads(
            workerCount: max(count, 1),
            groups: dataDirectory.groups,
            housekeepingInterval: configuration.housekeepingInterval,
            writeBack: { [self] in writeBack() },
            housekeeping: { [self] in housekeeping(now: time.wallTime()) },
            cleaner: Cleaner(
                interval: configuration.cleaningInterval,
                nanoseconds: { [time] in time.monotonicNanoseconds() },
                clean: { [self] in clean(throttle: $0) }
            )
        )
        threads.withLock { $0 = started }
        groupTimer.start { [self] in
            groupClock
        } expire: { [self] in
            expireGroups()
        }
        if let deadline = expireGroups() { groupTimer.look(at: deadline) }
    }

    /// Has work done by a thread of the log's; false if there is none.
    @discardableResult
    func background(_ work: @escaping @Sendable () -> Void) -> Bool {
        guard let threads = threads.withLock({ $0 }) else { return false }
        threads.pool.add(.background(work))
        return true
    }

    /// The same for work that somebody waits for; done at once where there are no threads.
    func soon(_ work: @escaping @Sendable () -> Void) {
        guard let threads = threads.withLock({ $0 }) else { return work() }
        threads.pool.add(.urgent(work))
    }

    /// Writes back; a failure stays with the partition, or is tried again with the next one.
    func writeBack() {
        lastWriteBack.store(time.monotonicNanoseconds(), ordering: .relaxed)
        do throws(LogStorageError) { try dataDirectory.writeBack(all: false) } catch {
            counters.countFailure()
        }
    }
}
