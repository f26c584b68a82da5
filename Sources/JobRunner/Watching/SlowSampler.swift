import Broker
import Bytes
import DirectoryAccess
import LogModel
import LogStorage
import Threads

/// Reads, on a thread of its own, what a look must not wait for: how old the records are that
/// groups have before them, what lies in the topics of dead letters, how much room the disk has.
/// Every round reads so much and no more; what it had no time for comes with a later one.
final class SlowSampler: Sendable {
    /// A record's place.
    struct Place: Hashable, Sendable {
        var partition: TopicPartition
        var offset: Offset
    }

    struct DeadLetters: Sendable {
        /// As far as they are counted.
        var count: Int64
        var uncountedOffsetCount: Int64 = 0
        var oldest: Timestamp?
        /// Those that nothing was done about; nil where that is not known yet.
        var openCount: Int64?
    }

    /// What of dead letters goes on from round to round.
    struct LetterProgress {
        var counter = DeadLetterCounter()
        /// By the topic's id.
        var settled: [UniqueID: SettledLetters] = [:]
    }

    struct Sample: Sendable {
        var freeByteCount: Int64?
        var topicByteCounts: [String: Int64] = [:]
        var recordTimes: [Place: Timestamp] = [:]
        var deadLetters: [String: DeadLetters] = [:]
        /// What the members of groups are to read.
        var assigned: [String: Set<TopicPartition>] = [:]
    }

    private let broker: Broker
    private let sample = Lock(Sample())
    private let deadLetterTopics = Lock<Set<String>>([])
    private let isStopping = ConditionLock(false)
    private let thread = Lock<OwnedThread?>(nil)

    private static let interval = Duration.seconds(2)
    /// Files are counted once in so many rounds.
    private static let roundsBetweenCounts = 15
    /// Partitions of groups whose records are read in one round.
    private static let readLimit = 500

    init(_ broker: Broker) { self.broker = broker }

    var current: Sample { sample.withLock { $0 } }

    /// Also these topics hold dead letters.
    func watch(deadLettersIn topics: [String]) {
        deadLetterTopics.withLock { $0.formUnion(topics) }
    }

    func start() {
        let started = OwnedThread { [self] in
            var round = 0
            var letters = LetterProgress()
            repeat {
                take(round, &letters)
                round &+= 1
            } while isStopping.wait(atMost: Self.interval, for: { $0 ? () : nil }) == nil
        }
        thread.withLock { $0 = started }
    }

    func stop() {
        isStopping.update { $0 = true }
        thread.withLock { $0.take() }?.join()
    }

    private var isStopped: Bool { isStopping.withLock { $0 } }

    // MARK: A round

    func take(_ round: Int, _ letters: inout LetterProgress) {
        let last = current
        var next = last
        next.freeByteCount = try? broker.disk.freeByteCount(at: broker.directory)
        let topics = broker.topics()
        let reader = RecordReader(broker)
        next.deadLetters = deadLetters(in: topics, reader, &letters)
        let groups = broker.observeGroups(
            limit: WatchSample.groupLimit,
            positionLimit: WatchSample.groupPartitionLimit
        ).groups
        next.assigned = assigned(groups)
        next.recordTimes = recordTimes(of: groups, topics, reader, last.recordTimes)
        sample.withLock { [next] in $0 = next }
        // The files behind the rest: there may be thousands.
        let hasNew = topics.contains { next.topicByteCounts[$0.name] == nil }
        guard round % Self.roundsBetweenCounts == 0 || hasNew else { return }
        let counts = byteCounts(of: topics)
        sample.withLock { $0.topicByteCounts = counts }
    }

    private func assigned(_ groups: [GroupObservation]) -> [String: Set<TopicPartition>] {
        let assignments = GroupAssignments(broker)
        var assigned: [String: Set<TopicPartition>] = [:]
        for group in groups where group.memberCount > 0 && !isStopped {
            assigned[group.id] = assignments.partitions(of: group.id)
        }
        return assigned
    }

    private func recordTimes(
        of groups: [GroupObservation],
        _ topics: [Topic],
        _ reader: RecordReader,
        _ known: [Place: Timestamp]
    ) -> [Place: Timestamp] {
        var bounds: [TopicPartition: LogBounds] = [:]
        for partition in topics.lazy.flatMap(\.partitions) {
            bounds[partition.name] = partition.log.glimpse?.bounds
        }
        let places = GroupPlaces(topics, starts: bounds.mapValues(\.logStart))
        let found = groups.flatMap {
            places.places(
                of: $0,
                positionLimit: WatchSample.groupPartitionLimit,
                limit: WatchSample.groupPartitionLimit
            ).found
        }
        var times: [Place: Timestamp] = [:]
        var readCount = 0
        for (partition, offset) in found {
            let place = Place(partition: partition, offset: offset)
            guard let bounds = bounds[partition], offset < bounds.highWatermark,
                times[place] == nil
            else { continue }
            if let time = known[place], offset >= bounds.logStart {
                times[place] = time
            } else if readCount < Self.readLimit, !isStopped {
                readCount += 1
                // Where retention has overtaken the group, it reads next what is left.
                times[place] = reader.firstTime(
                    in: partition,
                    from: max(offset, bounds.logStart),
                    to: bounds.highWatermark
                )
            }
        }
        return times
    }

    private func deadLetters(
        in topics: [Topic],
        _ reader: RecordReader,
        _ progress: inout LetterProgress
    ) -> [String: DeadLetters] {
        let named = deadLetterTopics.withLock { $0 }
        let all = Dictionary(topics.map { ($0.name, $0) }) { first, _ in first }
        var found: [String: DeadLetters] = [:]
        var settled: [UniqueID: SettledLetters] = [:]
        for topic in topics
        where named.contains(topic.name) || topic.name.hasSuffix("-dead-letters") {
            var letters = DeadLetters(count: 0, oldest: nil)
            var counts: [PartitionIndex: DeadLetterCounter.Count] = [:]
            for partition in topic.partitions where !isStopped {
                guard let bounds = partition.log.glimpse?.bounds else { continue }
                let count = progress.counter.count(partition.id, bounds, reader)
                counts[partition.name.partition] = count
                letters.count &+= count.records
                letters.uncountedOffsetCount &+= count.uncounted
                letters.oldest = [letters.oldest, count.oldest].compactMap(\.self).min()
            }
            var known = progress.settled[topic.id] ?? SettledLetters()
            let audit = all[DeadLetterNoteName.auditTopic(of: topic.name)]?.partitions.first
            letters.openCount = Self.openCount(of: topic, counts, audit, &known, reader)
            settled[topic.id] = known
            found[topic.name] = letters
        }
        progress.settled = settled
        return found
    }

    /// Those of the letters that are counted of which the audit topic says nothing; nil where
    /// either is not read to its end.
    private static func openCount(
        of topic: Topic,
        _ counts: [PartitionIndex: DeadLetterCounter.Count],
        _ audit: Partition?,
        _ settled: inout SettledLetters,
        _ reader: RecordReader
    ) -> Int64? {
        guard counts.count == topic.partitions.count,
            counts.values.allSatisfy({ $0.uncounted == 0 })
        else { return nil }
        if let audit {
            guard let bounds = audit.log.glimpse?.bounds,
                settled.follow(
                    audit.id,
                    bounds,
                    of: topic.id,
                    ends: counts.mapValues(\.offsets.upperBound),
                    reader
                )
            else { return nil }
        } else {
            settled = SettledLetters()
        }
        return counts.reduce(0) { sum, entry in
            let done = settled.count(in: entry.value.offsets, of: entry.key)
            return sum + max(0, entry.value.records - done)
        }
    }

    private func byteCounts(of topics: [Topic]) -> [String: Int64] {
        var counts: [String: Int64] = [:]
        for partition in topics.lazy.flatMap(\.partitions) where !isStopped {
            let folder = "\(broker.directory)/\(partition.name)"
            // A partition that nothing was ever appended to has no folder.
            let files = (try? broker.disk.list(folder)) ?? []
            let bytes = files.reduce(Int64(0)) { sum, file in
                sum &+ ((try? broker.disk.byteCount(of: "\(folder)/\(file)")) ?? nil ?? 0)
            }
            counts[partition.name.topic, default: 0] &+= bytes
        }
        return counts
    }
}
