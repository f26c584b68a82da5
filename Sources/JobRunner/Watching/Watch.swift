import Broker
import BrokerAPI
import Coordination
import LogModel
import LogStorage
import Streams
import Telemetry
import Threads

/// Looks at a log and a job without holding them up: nothing here waits for a disk, or for a lock
/// that is held over one. What has to be read is the sampler's.
final class Watch: Sendable {
    private let broker: Broker
    private let probe: APIProbe?
    private let sampler: SlowSampler
    private let job = Lock<WatchedJob?>(nil)
    /// What was seen last of each partition: one that somebody appends to just now is as it was.
    private let glimpses = Lock<[TopicIDPartition: LogGlimpse]>([:])

    init(_ broker: Broker, _ probe: APIProbe?, _ sampler: SlowSampler) {
        self.broker = broker
        self.probe = probe
        self.sampler = sampler
    }

    /// From here on a job is part of what is seen.
    func watch(_ watched: WatchedJob) {
        job.withLock { $0 = watched }
        sampler.watch(deadLettersIn: watched.specification.deadLetterTopics)
    }

    /// How everything is now.
    func look() -> WatchSample {
        let slow = sampler.current
        let probe = broker.flushProbe
        var sample = WatchSample(
            time: broker.clock.wallTime(),
            reservedByteCount: broker.reservedByteCount,
            statistics: broker.countedStatistics,
            fdatasyncCount: broker.fdatasyncCount,
            flushSeconds: probe.seconds.current,
            flushPartitions: probe.partitions.current,
            journalByteCount: probe.bytes.current
        )
        sample.freeByteCount = slow.freeByteCount
        let (places, ends) = lookAtTopics(&sample, slow)
        lookAtGroups(&sample, slow, places, ends)
        lookAtTransactions(&sample)
        sample.connections = self.probe?.connections
        sample.failedLoginCount = self.probe?.failedLoginCount
        sample.usages = self.probe?.usages ?? []
        sample.job = job.withLock { $0 }.map { WatchSample.JobSample($0) }
        return sample
    }

    /// Where groups may go on, and where the partitions end.
    private func lookAtTopics(
        _ sample: inout WatchSample,
        _ slow: SlowSampler.Sample
    ) -> (GroupPlaces, ends: [TopicPartition: Offset]) {
        let topics = broker.topics()
        let last = glimpses.withLock { $0 }
        var seen: [TopicIDPartition: LogGlimpse] = [:]
        var starts: [TopicPartition: Offset] = [:]
        var ends: [TopicPartition: Offset] = [:]
        sample.topicCount = topics.count
        for topic in topics {
            var told = WatchSample.TopicSample(
                name: topic.name,
                isInternal: topic.isInternal,
                partitionCount: topic.partitions.count
            )
            for partition in topic.partitions {
                sample.partitions.all += 1
                guard let glimpse = partition.log.glimpse ?? last[partition.id] else { continue }
                seen[partition.id] = glimpse
                note(glimpse, of: partition.name, &sample)
                guard let bounds = glimpse.bounds else { continue }
                starts[partition.name] = bounds.logStart
                ends[partition.name] = bounds.highWatermark
                told.offsetCount &+= bounds.logEnd.rawValue
                told.heldOffsetCount &+= bounds.logStart.distance(to: bounds.logEnd)
            }
            told.byteCount = slow.topicByteCounts[topic.name]
            if sample.topics.count < WatchSample.topicLimit { sample.topics.append(told) }
            if let letters = slow.deadLetters[topic.name] {
                sample.deadLetters.append(
                    WatchSample.DeadLetterSample(
                        topic: topic.name,
                        count: letters.count,
                        uncountedOffsetCount: letters.uncountedOffsetCount,
                        oldestSeconds: letters.oldest.map { Self.seconds(since: $0, sample.time) },
                        openCount: letters.openCount
                    )
                )
            }
        }
        glimpses.withLock { $0 = seen }
        return (GroupPlaces(topics, starts: starts), ends)
    }

    private func note(
        _ glimpse: LogGlimpse,
        of partition: TopicPartition,
        _ sample: inout WatchSample
    ) {
        if glimpse.isOpen { sample.partitions.open += 1 }
        guard let trouble = glimpse.trouble else { return }
        switch trouble {
        case .offline: sample.partitions.offline += 1
        case .damaged: sample.partitions.damaged += 1
        case .readOnly: sample.partitions.readOnly += 1
        }
        guard sample.troubled.count < WatchSample.troubledLimit else { return }
        sample.troubled.append(.init(partition: partition, trouble: trouble))
    }

    private func lookAtGroups(
        _ sample: inout WatchSample,
        _ slow: SlowSampler.Sample,
        _ places: GroupPlaces,
        _ ends: [TopicPartition: Offset]
    ) {
        let seen = broker.observeGroups(
            limit: WatchSample.groupLimit,
            positionLimit: WatchSample.groupPartitionLimit
        )
        sample.groupCount = seen.count
        sample.leftOutLagCount = seen.leftOutPositionCount
        var room = WatchSample.groupPartitionLimit
        for group in seen.groups {
            let (found, leftOutCount) = places.places(
                of: group,
                positionLimit: WatchSample.groupPartitionLimit,
                limit: room
            )
            sample.leftOutLagCount += leftOutCount
            let lags = found.compactMap { partition, position -> WatchSample.PartitionLag? in
                // Of a topic that was deleted, the position is left.
                guard let end = ends[partition] else { return nil }
                let place = SlowSampler.Place(partition: partition, offset: position)
                // Behind the end nothing is read for all that is written up to there.
                let records = position.distance(to: end)
                let time = records == 0 ? nil : slow.recordTimes[place]
                return WatchSample.PartitionLag(
                    partition: partition,
                    records: records,
                    seconds: time.map { Self.seconds(since: $0, sample.time) }
                )
            }
            sample.leftOutLagCount += max(0, lags.count - room)
            var told = WatchSample.GroupSample(
                id: group.id,
                state: group.state,
                memberCount: group.memberCount,
                lags: Array(lags.prefix(room))
            )
            room = max(0, room - lags.count)
            let unplaced = places.unplacedCounts(
                of: group,
                assigned: slow.assigned[group.id] ?? [],
                positionLimit: WatchSample.groupPartitionLimit
            ).sorted { $0.key < $1.key }
            told.unplacedCounts = unplaced.prefix(room).map { (topic: $0.key, count: $0.value) }
            sample.leftOutLagCount += unplaced.dropFirst(room).reduce(0) { $0 + $1.value }
            room -= told.unplacedCounts.count
            sample.groups.append(told)
        }
    }

    private func lookAtTransactions(_ sample: inout WatchSample) {
        let now = sample.time
        let open = broker.observeTransactions().map { transaction in
            let begin =
                transaction.startTime == .none
                ? transaction.lastUpdateTime : transaction.startTime
            return WatchSample.TransactionSample(
                id: transaction.transactionalID,
                state: transaction.state.kafkaName,
                seconds: Self.seconds(since: begin, now),
                partitionCount: transaction.partitions.count,
                isRemote: transaction.isRemote
            )
        }
        sample.openTransactionCount = open.count
        sample.oldestTransactionSeconds = open.reduce(0) { max($0, $1.seconds) }
        sample.transactions = Array(
            open.sorted { ($0.seconds, $1.id) > ($1.seconds, $0.id) }
                .prefix(WatchSample.transactionLimit)
        )
    }

    private static func seconds(since time: Timestamp, _ now: Timestamp) -> Double {
        let (milliseconds, overflows) = now.rawValue.subtractingReportingOverflow(time.rawValue)
        return overflows ? 0 : Double(max(0, milliseconds)) / 1000
    }
}
