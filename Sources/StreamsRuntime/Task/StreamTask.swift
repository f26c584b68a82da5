import LogClient
import LogModel
import StateStores
import Streams

/// One sub-topology on one partition: its input queues, its operators bound to its stores, and
/// the positions up to which it has processed. Owned by one stream thread.
final class StreamTask {
    /// A store of the task with its changelog partition.
    struct OwnedStore {
        let specification: StoreSpecification
        let store: StateStore
        let changelog: TopicPartition

        var name: String { specification.name }
    }

    /// What takes the records of an input. In a struct, for what lies in an array by itself Swift
    /// calls through a conversion.
    private struct InputSink {
        let receive: RawSink
    }

    /// A record to which its task comes back.
    struct WaitingRecord {
        let queue: Int
        var offset: Offset
        /// By the steady clock, in nanoseconds.
        let dueAt: UInt64
    }

    let id: TopologyPlan.Task
    let stores: [OwnedStore]
    let binding: TaskBinding
    let queues: UnsafeMutablePointer<PartitionQueue>
    let queueCount: Int
    private let sinks: [InputSink]
    /// What hands on the records in flight of other inputs, for those that have any.
    private let finishers: [(() throws -> Void)?]
    /// Which inputs come from outside the job: only their records are counted as records in.
    private let isExternal: [Bool]
    /// A record that failed and is to be tried again; what is behind it waits too.
    var waiting: WaitingRecord?
    /// What was counted up to the last commit: an abort goes back to it.
    private var committedCounters = TaskCounters()
    /// The store whose keys are those of the one input's records, if there is one.
    private let keyedStore: StateStore?
    /// The positions that the last commit made durable, or the start.
    private var committed: [InputPosition]
    /// The largest time seen in each input, which is committed with its position.
    private let partitionTimes: [UnsafeMutablePointer<Timestamp>]
    /// What tells the times of an input's records; nil where it is their timestamps.
    private let extractors: [RawTime?]
    /// The time of each input's head, for those with an extractor.
    private var headTimes: [(offset: Offset, time: Timestamp)?]
    let trapPlace: TrapPlace

    init(
        id: TopologyPlan.Task,
        topology: Topology,
        inputs: [(topic: String, start: InputPosition)],
        stores: [OwnedStore],
        binding: TaskBinding,
        configuration: StreamsConfiguration
    ) {
        self.id = id
        self.stores = stores
        self.binding = binding
        queueCount = inputs.count
        queues = .allocate(capacity: max(inputs.count, 1))
        for (index, input) in inputs.enumerated() {
            (queues + index).initialize(
                to: PartitionQueue(
                    partition: TopicPartition(input.topic, id.partition),
                    position: input.start,
                    fetchByteCount: configuration.fetchByteCount
                )
            )
        }
        sinks = inputs.map { InputSink(receive: topology.bindSource(topic: $0.topic, to: binding)) }
        partitionTimes = inputs.map { binding.partitionTime(of: $0.topic) }
        extractors = inputs.map { topology.bindTime(topic: $0.topic, to: binding) }
        headTimes = inputs.map { _ in nil }
        finishers = inputs.map { topology.finisher(beside: $0.topic, in: binding) }
        binding.finishBinding()
        let external = topology.specification.subtopologies.flatMap(\.externalTopics)
        let isExternal = inputs.map { external.contains($0.topic) }
        self.isExternal = isExternal
        trapPlace = TrapPlace(
            job: topology.job,
            inputs: zip(inputs, isExternal).map { ($0.topic, !$1) },
            record: binding.record
        )
        committed = inputs.map { InputPosition($0.start.offset, of: $0.start.topicID) }
        for (time, input) in zip(partitionTimes, inputs) {
            time.pointee = PartitionTime.decode(input.start.metadata)
        }
        let keyed = inputs.first.flatMap { topology.specification.storeKeyed(bySourceOf: $0.topic) }
        keyedStore = stores.first { $0.name == keyed }?.store
    }

    deinit {
        binding.close()
        queues.deinitialize(count: queueCount)
        queues.deallocate()
    }

    var counters: TaskCounters { binding.counters.pointee }

    /// Offsets of inputs that were deleted before the task came to them.
    var lostCount: Int64 {
        (0..<queueCount).reduce(0) { $0 + (queues + $1).pointee.lostCount }
    }

    /// The next offset to read of each input.
    var positions: [TopicPartition: Offset] {
        var result: [TopicPartition: Offset] = [:]
        for index in 0..<queueCount {
            result[(queues + index).pointee.partition] = (queues + index).pointee.position
        }
        return result
    }

    /// The positions that are committed, or the start.
    var committedPositions: [TopicPartition: Offset] {
        var result: [TopicPartition: Offset] = [:]
        for index in 0..<queueCount {
            result[(queues + index).pointee.partition] = committed[index].offset
        }
        return result
    }

    /// The positions that moved since the last commit.
    var positionsToCommit: [TopicPartition: InputPosition] {
        var result: [TopicPartition: InputPosition] = [:]
        for index in 0..<queueCount {
            var position = (queues + index).pointee.inputPosition
            guard position != committed[index] else { continue }
            position.metadata = PartitionTime.encode(partitionTimes[index].pointee)
            result[(queues + index).pointee.partition] = position
        }
        return result
    }

    /// Inputs whose topic was deleted and made anew while the task read it.
    var replacedCount: Int64 {
        (0..<queueCount).reduce(0) { $0 + (queues + $1).pointee.replacedCount }
    }

    /// Notes that the positions are committed, and the stores' changes with them.
    func noteCommitted() throws {
        for index in 0..<queueCount {
            committed[index] = (queues + index).pointee.inputPosition
            (queues + index).pointee.noteCommitted()
            binding.forgetTries(
                of: (queues + index).pointee.partition.topic,
                before: committed[index].offset
            )
        }
        committedCounters = counters
        try binding.hooks.didCommit()
    }

    /// Goes back to these positions: what was counted since comes again, and is counted then.
    func rewind(to positions: [TopicPartition: InputPosition]) {
        for index in 0..<queueCount {
            guard let position = positions[(queues + index).pointee.partition] else { continue }
            (queues + index).pointee.rewind(to: position)
            committed[index] = InputPosition(position.offset, of: position.topicID)
            partitionTimes[index].pointee = PartitionTime.decode(position.metadata)
            headTimes[index] = nil
        }
        binding.counters.pointee = committedCounters
    }

    /// Takes a piece of what the stores' engines hold into memory, after a start.
    func loadStores() throws(StoreError) {
        for owned in stores { try owned.store.loadSome() }
    }

    /// Whether a record that has waited is the next that the task tries.
    func isAboutToTryAgain(at nanoseconds: UInt64) -> Bool {
        waiting.map { nanoseconds >= $0.dueAt } ?? false
    }

    /// Takes note that the stores hold what is committed and nothing else.
    func didRewind(at now: Timestamp) throws {
        binding.resumeStreamTime()
        binding.record.pointee.wallTime = now
        binding.record.pointee.lastArrival = now
        try binding.hooks.didRewind()
        try binding.throwCaught()
    }

    /// Runs the timers of the wall clock that are due; returns whether one was.
    func runTimers(_ turn: Turn) throws -> Bool {
        let now = turn.wallTime
        guard binding.hooks.hasTimers else { return false }
        trapPlace.enter()
        defer { trapPlace.leave() }
        binding.record.pointee.wallTime = now
        do {
            let hasFired = try binding.hooks.wallClockReached(now)
            try binding.throwCaught()
            return hasFired
        } catch {
            throw timerFailure(error, at: turn.startedAt)
        }
    }

    /// Runs the timers of stream time that are due behind a record.
    @inline(never)
    private func runStreamTimers(_ turn: Turn) throws {
        do {
            try binding.hooks.streamTimeReached()
            try binding.throwCaught()
        } catch {
            throw timerFailure(error, at: turn.startedAt)
        }
    }

    /// Processes what one fetch of each input gives, the oldest head first, until the turn is
    /// over. Returns how many records were processed: 0 if there was nothing to read.
    func process(from client: any LogClient, turn: inout Turn) throws -> Int {
        binding.record.pointee.wallTime = turn.wallTime
        trapPlace.enter()
        defer { trapPlace.leave() }
        if try removeEndedRows(turn) { return 0 }
        // An abort may have put the position in front of a record that waits. In the turn in which
        // that is tried again it is the last one, so that what it led to is committed at once.
        var stop = waiting
        if let record = waiting, turn.startedAt >= record.dueAt {
            stop?.offset = record.offset.advanced(by: 1)
            waiting = nil
        }
        guard queueCount == 1 else {
            return try processOldestFirst(from: client, turn: &turn, before: stop)
        }
        do {
            return try processSingle(
                from: client,
                turn: &turn,
                before: stop?.offset ?? Offset(.max)
            )
        } catch let error as RecordBatchError { throw queues.pointee.corrupt(error) }
    }

    /// The hot loop: one input, whole batches, nothing but the record itself in memory.
    private func processSingle(
        from client: any LogClient,
        turn: inout Turn,
        before end: Offset
    ) throws -> Int {
        let queue = queues
        let context = binding.record
        let output = binding.output
        let sink = sinks[0].receive
        let topic = trapPlace.topic(0)
        var count = 0
        var isHeld = queue.pointee.position >= end
        while !turn.isOver, !isHeld, var batch = try queue.pointee.takeBatch(from: client) {
            let first = queue.pointee.position
            let sharedTimestamp = batch.sharedTimestamp
            var ahead = try LookAhead(batch.records, keyedStore, binding.hooks.keysAhead)
            context.pointee.trapTopic = topic
            context.pointee.occupation = .record
            var isWhole = true
            while let record = try batch.records.next() {
                let offset = Offset(batch.baseOffset &+ Int64(record.offsetDelta))
                try ahead?.step()
                guard offset >= first else { continue }
                guard offset < end else {
                    queue.pointee.seek(to: queue.pointee.inputPosition(at: offset))
                    (isWhole, isHeld) = (false, true)
                    break
                }
                let time =
                    sharedTimestamp ?? Timestamp(batch.baseTimestamp &+ record.timestampDelta)
                context.pointee.take(time, offset: offset, headers: record.headers)
                do {
                    try sink(record.key, record.value)
                    if output.pointee.failure != nil { try binding.throwCaught() }
                } catch {
                    try wait(after: error, of: 0, offset: offset, turn)
                    (isWhole, isHeld) = (false, true)
                    break
                }
                if context.pointee.isTimerDue { try runStreamTimers(turn) }
                count &+= 1
                if turn.endsAfterRecord() {
                    queue.pointee.putBack(batch, from: offset.advanced(by: 1))
                    isWhole = false
                    break
                }
            }
            context.pointee.occupation = .none
            // The offsets count only now that everything they led to is in the output.
            if isWhole { queue.pointee.finishBatch(batch) }
        }
        if isExternal[0] { binding.counters.pointee.recordsIn &+= Int64(count) }
        return count
    }

    private func processOldestFirst(
        from client: any LogClient,
        turn: inout Turn,
        before stop: WaitingRecord?
    ) throws -> Int {
        var count = 0
        for index in 0..<queueCount { (queues + index).pointee.askAgain() }
        while !turn.isOver {
            var oldest: (index: Int, time: Timestamp)?
            for index in 0..<queueCount where try (queues + index).pointee.fill(from: client) {
                let time = headTime(index)
                if let best = oldest, best.time <= time { continue }
                oldest = (index, time)
            }
            guard let index = oldest?.index, let record = (queues + index).pointee.head else {
                break
            }
            if let stop, stop.queue == index, (queues + index).pointee.headOffset >= stop.offset {
                break
            }
            guard try handle(record, of: index, turn) else { break }
            count &+= 1
            if isExternal[index] { binding.counters.pointee.recordsIn &+= 1 }
            _ = turn.endsAfterRecord()
        }
        return count
    }

    /// The time by which an input's head takes its turn.
    @inline(__always)
    private func headTime(_ index: Int) -> Timestamp {
        guard extractors[index] != nil else { return (queues + index).pointee.headTimestamp }
        return extractedTime(index)
    }

    /// The time that the extractor tells of an input's head; the record's own timestamp where it
    /// cannot be read, for its failure belongs to its turn.
    @inline(never)
    private func extractedTime(_ index: Int) -> Timestamp {
        let queue = queues + index
        let (own, offset) = (queue.pointee.headTimestamp, queue.pointee.headOffset)
        if let known = headTimes[index], known.offset == offset { return known.time }
        var time = own
        if let extract = extractors[index], let record = queue.pointee.head {
            let context = binding.record
            let before = context.pointee
            // Where the extractor traps, it is at this record.
            context.pointee.trapTopic = trapPlace.topic(index)
            context.pointee.occupation = .record
            context.pointee.offset = offset
            defer { context.pointee = before }
            do { time = try extract(record.key, record.value, own) } catch { time = own }
        }
        headTimes[index] = (offset, time)
        return time
    }

    /// Processes the head of a queue; false if it has to be tried again later.
    @inline(__always)
    private func handle(
        _ record: RecordView,
        of index: Int,
        _ turn: Turn
    ) throws -> Bool {
        let queue = queues + index
        let context = binding.record
        context.pointee.trapTopic = trapPlace.topic(index)
        context.pointee.occupation = .record
        context.pointee.take(
            queue.pointee.headTimestamp,
            offset: queue.pointee.headOffset,
            headers: record.headers
        )
        do {
            if let finish = finishers[index] { try finish() }
            try sinks[index].receive(record.key, record.value)
            if binding.output.pointee.failure != nil { try binding.throwCaught() }
        } catch {
            try wait(after: error, of: index, offset: queue.pointee.headOffset, turn)
            return false
        }
        if context.pointee.isTimerDue { try runStreamTimers(turn) }
        // The offset counts only now that everything the record led to is in the output.
        try queue.pointee.pop()
        return true
    }
}
