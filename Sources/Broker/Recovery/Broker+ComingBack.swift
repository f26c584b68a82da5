import Coordination
import LogModel
import LogStorage
import Threads

/// What the opening could not read for a reason that may pass.
struct ComingBack: Sendable {
    /// Partitions in which the last process may have left transactions open.
    var unexamined: Set<TopicIDPartition> = []
    /// Partitions of which the start could not tell which markers they have: one that is written
    /// again might end a later transaction.
    private(set) var unread: Set<TopicIDPartition> = []
    var pace: RetryPace

    init(pace: RetryPace) { self.pace = pace }

    /// Takes note of a partition that a start would have looked at.
    mutating func noteUnread(_ id: TopicIDPartition) {
        unexamined.insert(id)
        unread.insert(id)
    }
}

extension PartitionLog {
    /// Whether it may be opened later by this process, though it could not be now.
    func mayOpenLater(after error: LogStorageError) -> Bool {
        if isUnreplayed { return true }
        // What is final has put it offline.
        if case .disk = error { return offlineReason == nil }
        return false
    }
}

/// What was offline for a reason that passes comes back by itself, as a start would have found it:
/// first partitions, then the coordinators whose records lie in them.
extension Broker {
    /// How many partitions are looked at each time: each may be one that has to be opened.
    private static let examinedCount = 16

    /// Called by the housekeeping.
    func tryAgainWhatWasOffline() {
        do throws(LogStorageError) {
            for log in try dataDirectory.replayWaiting() {
                guard let partition = existing([TopicIDPartition(log.key.topicID, log.name)]).first
                else { continue }
                comingBack.withLock { $0.noteUnread(partition.id) }
                noteOnce("\(log.name) is in use again: what the journal had of it is there")
            }
        } catch { counters.countFailure() }
        examine()
        let now = time.monotonicNanoseconds()
        guard hasShardsToRead, comingBack.withLock({ $0.pace.isDue(at: now) }) else { return }
        readTransactionShards()
        readOffsetShards()
    }

    /// Looks at partitions for what the last process left there.
    private func examine() {
        var count = 0
        for id in comingBack.withLock({ $0.unexamined.sorted() }) where count < Self.examinedCount {
            if let partition = existing([id]).first {
                guard !partition.log.isUnreplayed else { continue }
                count += 1
                // One that has no descriptor yet, say: nor have the others.
                guard findHangingTransactions(in: partition) else { return }
                takeUp(partition)
            }
            comingBack.withLock { _ = $0.unexamined.remove(id) }
        }
    }

    /// What a start does for a partition besides.
    private func takeUp(_ partition: Partition) {
        for shard in transactionShards.withLock({ $0 }) where shard.unavailability == nil {
            counting { () throws(BrokerError) in try goOn(with: shard, in: partition) }
        }
        for shard in offsetShards.withLock({ $0 }) where shard.unavailability == nil {
            counting { () throws(BrokerError) in
                try findPositionsBehindTheEnd(of: shard, in: partition)
            }
        }
    }

    // MARK: Coordinators

    private var hasShardsToRead: Bool {
        transactionShards.withLock { $0 }.contains { $0.mayBeReadNow }
            || offsetShards.withLock { $0 }.contains { $0.mayBeReadNow }
    }

    /// A shard that could not be read had no part in anything since: it begins as at a start, and
    /// is seen only once that is done.
    private func readTransactionShards() {
        let ids = Dictionary(uniqueKeysWithValues: topics().map { ($0.name, $0.id) })
        for (index, shard) in transactionShards.withLock({ $0 }).enumerated()
        where shard.mayBeReadNow {
            var recovery = BrokerRecovery(dataDirectory, configuration: configuration, time: time)
            let read = recovery.transactionShard(shard.partition, ids)
            guard read.unavailability == nil else { continue }
            counting { () throws(BrokerError) in try finish(read) }
            transactionShards.withLock { $0[index] = read }
            for partition in topics().flatMap(\.partitions)
            where partition.log.mayHaveOpenTransactions {
                findHangingTransactions(in: partition, judgedBy: read)
            }
            counting { () throws(BrokerError) in try goOn(with: read) }
            noteOnce("\(shard.partition.name) can be read again, and is in use")
        }
    }

    private func readOffsetShards() {
        let ids = Dictionary(uniqueKeysWithValues: topics().map { ($0.name, $0.id) })
        for (index, shard) in offsetShards.withLock({ $0 }).enumerated() where shard.mayBeReadNow {
            var recovery = BrokerRecovery(dataDirectory, configuration: configuration, time: time)
            let read = recovery.offsetShard(shard.partition)
            guard read.unavailability == nil else { continue }
            clean(read) { $0.dropForeign(currentIDs: ids, kept: dataDirectory.unnamedTopics) }
            counting { () throws(BrokerError) in try findPositionsBehindTheEnd(of: read) }
            offsetShards.withLock { $0[index] = read }
            if let deadline = expireGroups() { groupTimer.look(at: deadline) }
            noteOnce("\(shard.partition.name) can be read again, and is in use")
        }
    }
}

extension BrokerError {
    /// Whether what could not be read may be later.
    fileprivate var mayPass: Bool {
        switch self {
        case .disk, .full, .offline: true
        default: false
        }
    }
}

extension TransactionShard {
    fileprivate var mayBeReadNow: Bool {
        unavailability?.mayPass == true && partition.log.readOnlyReason == nil
    }
}

extension OffsetShard {
    fileprivate var mayBeReadNow: Bool {
        unavailability?.mayPass == true && partition.log.readOnlyReason == nil
    }
}
