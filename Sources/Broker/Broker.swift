import Coordination
package import LogModel
package import LogStorage
import Synchronization

/// The bundled log in this process: topics, partitions, both coordinators, one owner a directory.
///
/// Every call blocks until it is done. Acknowledged means durable: the high watermark is the
/// durable end, and nothing behind it is served. Locks, in the order in which they are taken: the
/// coordinator's, the topics', a partition's; none of them is held while a partition is flushed.
package final class Broker: Sendable {
    package let directory: String
    package let configuration: BrokerConfiguration
    /// What the recovery of each partition found, at the last `open`.
    package let recoveryReports: [TopicPartition: RecoveryReport]

    let disk: any Disk
    let time: any TimeSource
    let dataDirectory: DataDirectory
    let topicTable: Mutex<[String: Topic]>
    let coordinator: Mutex<CoordinatorState>
    let coordinatorEpoch: Int32
    let producerIDFile: ProducerIDFile
    let change: ChangeSignal
    let counters: BrokerCounters
    let space: SpaceGuard
    let pool = Mutex<WorkerPool?>(nil)
    private let housekeeper = Mutex<Housekeeper?>(nil)
    private let isClosed = Atomic<Bool>(false)

    /// Opens the log in `directory`, which is created if it does not exist: takes the lock,
    /// recovers every partition, replays the coordinators and ends the transactions that a crash
    /// left decided.
    package static func open(
        disk: any Disk,
        directory: String,
        configuration: BrokerConfiguration = BrokerConfiguration(),
        time: any TimeSource = SystemTimeSource()
    ) throws(BrokerError) -> Broker {
        let recovery = try BrokerRecovery(
            disk: disk,
            directory: directory,
            configuration: configuration,
            time: time
        )
        let broker: Broker
        do throws(BrokerError) {
            broker = Broker(recovered: try recovery.run(), configuration: configuration)
            try broker.finishWhatACrashLeft()
        } catch {
            recovery.giveUp()
            throw error
        }
        broker.startThreads()
        return broker
    }

    private init(recovered: RecoveredLog, configuration: BrokerConfiguration) {
        directory = recovered.dataDirectory.path
        self.configuration = configuration
        recoveryReports = recovered.reports
        disk = recovered.disk
        time = recovered.time
        dataDirectory = recovered.dataDirectory
        topicTable = Mutex(recovered.topics)
        coordinator = Mutex(recovered.coordinator)
        coordinatorEpoch = recovered.coordinatorEpoch
        producerIDFile = recovered.producerIDFile
        change = recovered.change
        counters = recovered.counters
        space = SpaceGuard(
            disk: recovered.disk,
            path: recovered.dataDirectory.path,
            reservedByteCount: configuration.reservedByteCount
        )
    }

    /// Flushes everything, ends the threads, marks the directory as closed cleanly and gives up
    /// the lock. Open transactions stay open: their owner, or the timeout, ends them.
    package func close() throws(BrokerError) {
        guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return }
        housekeeper.withLock { $0.take() }?.stop()
        pool.withLock { $0.take() }?.stop()
        var failure: BrokerError?
        do throws(BrokerError) {
            try closePartitions()
        } catch {
            failure = error
        }
        dataDirectory.close()
        if let failure { throw failure }
    }

    /// Counters since the log was opened.
    package var statistics: BrokerStatistics {
        var statistics = counters.values
        for topic in topicTable.withLock({ $0.values.map(\.partitions) }) {
            for partition in topic { statistics.fdatasyncCount += partition.log.fdatasyncCount }
        }
        return statistics
    }

    /// Waits until a reader may find more than when `signal` was returned, or until `timeout`;
    /// returns the signal for the next call. Begin with 0.
    package func waitForChange(since signal: UInt64, timeout: Duration) -> UInt64 {
        if case .inline = configuration.execution { return change.current }
        return change.wait(since: signal, timeout: timeout)
    }

    /// Flushes several partitions, in parallel where there are threads for it.
    func flush(_ partitions: [Partition]) throws(BrokerError) {
        guard partitions.count > 1, let pool = pool.withLock({ $0 }) else {
            for partition in partitions { try partition.flush() }
            return
        }
        try pool.flush(partitions)
    }

    func checkOpen() throws(BrokerError) {
        if isClosed.load(ordering: .relaxed) { throw .closed }
    }

    private func startThreads() {
        guard case .threads(let count) = configuration.execution else { return }
        let workers = WorkerPool(threadCount: max(count, 1)) { job in
            switch job {
            case .help(let flush): flush.work()
            case .markers(let job): self.finish(job.order)
            case .writeback(let partition): self.writeBack(partition)
            }
        }
        pool.withLock { $0 = workers }
        let keeper = Housekeeper(interval: configuration.housekeepingInterval) {
            self.housekeeping(now: self.time.wallTime())
        }
        housekeeper.withLock { $0 = keeper }
    }

    /// Flushes a partition that grew. A failure stays with the partition, which takes no more.
    private func writeBack(_ partition: Partition) {
        partition.writebackDone()
        do throws(BrokerError) { try partition.flush() } catch { counters.countFailure() }
    }

    private func closePartitions() throws(BrokerError) {
        let topics = topicTable.withLock { table in
            defer { table = [:] }
            return table
        }
        let partitions = topics.values.flatMap(\.partitions).sorted { $0.name < $1.name }
        var isClean = true
        for partition in partitions {
            do throws(LogStorageError) {
                try partition.log.close()
            } catch {
                isClean = false
            }
        }
        var recoveryPoints: [TopicPartition: Offset] = [:]
        var logStarts: [TopicPartition: Offset] = [:]
        for partition in partitions {
            recoveryPoints[partition.name] = partition.log.durableEnd
            logStarts[partition.name] = partition.log.bounds.logStart
        }
        do throws(LogStorageError) {
            try dataDirectory.leave(
                recoveryPoints: recoveryPoints,
                logStarts: logStarts,
                isClean: isClean
            )
        } catch {
            throw BrokerError(error, in: directory)
        }
    }
}
