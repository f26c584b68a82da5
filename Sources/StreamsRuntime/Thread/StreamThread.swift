package import LogClient
package import LogModel
package import StateStores
package import Streams

/// One stream thread: its producer, its tasks, its output, and the commit cycle over them.
///
/// It does nothing by itself: `step()` processes a little, whoever calls it. A real thread calls
/// it in a loop; a test calls it when it likes. One caller at a time.
package final class StreamThread {
    package enum StepResult: Equatable {
        /// Records were processed or something was committed.
        case worked
        /// There was nothing to read and nothing to commit.
        case idle
        /// The thread is at its end.
        case stopped(StreamsError)
    }

    let slot: Int
    let topology: Topology
    let plan: TopologyPlan
    let taskIDs: [TopologyPlan.Task]
    let client: any LogClient
    let engines: any StoreEngineFactory
    let checkpointWorker: CheckpointWorker
    let memory: MemoryBudget
    let configuration: StreamsConfiguration
    let time: any TimeSource
    /// Lets some nanoseconds pass before a failed step is tried again.
    let pause: (UInt64) -> Void
    /// Says a sentence about what is waited for.
    let tell: (String) -> Void
    let stopSwitch: StopSwitch
    package let progress: ThreadProgress

    private var cycle: CommitCycle
    private(set) var tasks: [StreamTask] = []
    var globalTables: [GlobalTableReader] = []
    var producer: (any TransactionalProducer)?
    let output: UnsafeMutablePointer<OutputBuffer>
    let sender: OutputSender
    private(set) var failure: StreamsError?
    /// What goes on when the time has come; nothing else is done before.
    private var held: (until: UInt64, action: CommitCycle.Action)?
    private var troubleReport: TroubleReport
    /// Whether processors wrote at their start what is still to be committed.
    private var hasWorkFromStart = false
    var lastPurge: UInt64 = 0
    /// What others see of the thread's pace and stores.
    var times = CommitTimes()
    var lastStoreFacts: UInt64?
    private var toldTrouble: LogClientError?

    package init(
        slot: Int,
        topology: Topology,
        plan: TopologyPlan,
        tasks: [TopologyPlan.Task],
        client: any LogClient,
        engines: any StoreEngineFactory,
        checkpointWorker: CheckpointWorker,
        memory: MemoryBudget,
        configuration: StreamsConfiguration,
        time: any TimeSource,
        stopSwitch: StopSwitch,
        pause: @escaping (UInt64) -> Void,
        tell: @escaping (String) -> Void
    ) {
        self.slot = slot
        self.topology = topology
        self.plan = plan
        taskIDs = tasks
        self.client = client
        self.engines = engines
        self.checkpointWorker = checkpointWorker
        self.memory = memory
        self.configuration = configuration
        self.time = time
        self.stopSwitch = stopSwitch
        self.pause = pause
        self.tell = tell
        troubleReport = TroubleReport(tell)
        progress = ThreadProgress()
        cycle = CommitCycle(
            policy: CommitCycle.Policy(
                intervalNanoseconds: UInt64(configuration.commitIntervalMilliseconds) * 1_000_000,
                recordLimit: configuration.commitRecordLimit,
                byteLimit: configuration.commitByteLimit
            )
        )
        let sender = OutputSender(topicsBesideResults: topology.topicsBesideResults)
        self.sender = sender
        output = .allocate(capacity: 1)
        output.initialize(
            to: OutputBuffer(
                batchByteLimit: configuration.batchByteLimit,
                rules: { [client] topic in
                    OutputRules(
                        of: topic,
                        in: client,
                        commandOptions: configuration.commandOptions
                    )
                },
                drain: { batch, partition in try sender.send(&batch, to: partition) }
            )
        )
    }

    deinit {
        output.deinitialize(count: 1)
        output.deallocate()
    }

    /// How long a step that does not succeed is tried again after a stop was asked for.
    private static let longestFarewellNanoseconds: UInt64 = 5_000_000_000

    var group: String { topology.job }
    var transactionalID: String {
        StreamsConfiguration.transactionalID(job: topology.job, slot: slot)
    }

    /// Fences earlier owners, opens and restores the stores, and takes up the committed offsets.
    package func start() throws(StreamsError) {
        try StreamsError.translating {
            try patiently(makeProducer)
            let inputs = taskIDs.flatMap { id in
                plan.inputTopics[id.subtopology].map { TopicPartition($0, id.partition) }
            }
            let committed = try patiently { try committedPositions(of: inputs) }
            try startGlobalTables()
            for id in taskIDs {
                let task = try makeTask(id, committed: committed)
                try task.didRewind(at: time.wallTime())
                tasks.append(task)
            }
            hasWorkFromStart = output.pointee.hasRecords || sender.hasSent
            lastPurge = time.monotonicNanoseconds()
            publish()
        }
    }

    /// Processes what is there of each task, and commits when it is due.
    package func step() -> StepResult {
        if let failure { return .stopped(failure) }
        do throws(StreamsError) {
            var worked = false
            try StreamsError.translating {
                guard try hasGoneOn() else { return }
                if hasWorkFromStart { try noteWorkFromStart() }
                if try updateGlobalTables() { worked = true }
                // What fails in one task's turn may hold back the whole thread.
                for task in tasks where held == nil {
                    // A try that fails may abort: then it takes nothing else with it. One that
                    // does not is committed before another record's failure takes it back.
                    let triesAgain = task.isAboutToTryAgain(at: time.monotonicNanoseconds())
                    if triesAgain { _ = try handle(.commitRequested) }
                    guard held == nil else { break }
                    if try turn(of: task) { worked = true }
                    if triesAgain { _ = try handle(.commitRequested) }
                }
                if try handle(.ticked(at: time.monotonicNanoseconds())) { worked = true }
                if !cycle.hasUncommittedWork { try keepHouse() }
            }
            if !worked, !cycle.hasUncommittedWork { publish() }
            return worked ? .worked : .idle
        } catch {
            return stop(error)
        }
    }

    /// Commits what is processed now; false where there is nothing.
    @discardableResult
    package func commit() throws(StreamsError) -> Bool {
        if let failure { throw failure }
        var hasCommitted = false
        do throws(StreamsError) {
            try StreamsError.translating { hasCommitted = try handle(.commitRequested) }
        } catch {
            _ = stop(error)
            throw error
        }
        return hasCommitted
    }

    /// Ends: commits (unless the thread failed), checkpoints the stores and closes everything.
    package func close() throws(StreamsError) {
        var result: StreamsError?
        if failure == nil {
            do throws(StreamsError) { try commit() } catch { result = error }
        }
        // In the middle of a way back the stores may lack what is committed.
        let isWhole = failure == nil && !cycle.hasUncommittedWork
        if isWhole, result == nil {
            // A run may be too short for a purge of its own.
            do throws(StreamsError) {
                try StreamsError.translating { try purge() }
            } catch { result = error }
        }
        for task in tasks {
            for owned in task.stores {
                if isWhole { owned.store.noteWhole(at: time.wallTime()) }
                do throws(StoreError) { try owned.store.close(checkpointing: isWhole) } catch {
                    result = result ?? StreamsError(ofStore: error)
                }
            }
        }
        tasks = []
        do throws(StreamsError) { try closeGlobalTables() } catch { result = result ?? error }
        producer?.close()
        producer = nil
        if let result { throw result }
    }

    // MARK: Processing

    private func turn(of task: StreamTask) throws -> Bool {
        let count: Int
        let removed: Int
        // Before the turn's time begins: there is a whole turn of processing for each piece.
        try task.loadStores()
        var turn = Turn(time: time)
        do {
            count = try task.process(from: client, turn: &turn)
            task.noteArrival(of: count, turn)
            let hasFired = try task.runTimers(turn)
            removed = task.binding.expiry.takeStepCount()
            times.noteTurn(since: turn.startedAt, at: time.monotonicNanoseconds())
            guard count > 0 || removed > 0 || hasFired else { return false }
        } catch let error as LogClientError {
            return try handle(.failed(error))
        } catch is TransactionTakenBack {
            return try handle(.takenBack)
        }
        let bytes = sender.takeByteCount()
        _ = try handle(
            .processed(
                records: Int64(count + removed),
                bytes: bytes,
                at: time.monotonicNanoseconds()
            )
        )
        return true
    }

    /// What was written at the start belongs to the first transaction, records or not.
    private func noteWorkFromStart() throws {
        hasWorkFromStart = false
        let bytes = sender.takeByteCount()
        _ = try handle(.processed(records: 0, bytes: bytes, at: time.monotonicNanoseconds()))
    }

    // MARK: The commit cycle's shell

    /// Gives an event to the cycle and performs what it asks for until it asks for nothing.
    func handle(_ event: CommitCycle.Event) throws -> Bool {
        let action = cycle.next(event)
        guard action != .none else { return false }
        try run(action)
        return true
    }

    private func run(_ first: CommitCycle.Action) throws {
        let begin = time.monotonicNanoseconds()
        var action = first
        while action != .none {
            if case .hold(let nanoseconds, let then) = action {
                held = (time.monotonicNanoseconds() &+ nanoseconds, then)
                break
            }
            do {
                action = try perform(action)
            } catch is TransactionTakenBack {
                action = cycle.next(.takenBack)
            } catch let error as LogClientError {
                action = cycle.next(.failed(error))
                if case .retry = action, stopSwitch.isRequested,
                    time.monotonicNanoseconds() &- begin > Self.longestFarewellNanoseconds
                {
                    throw error
                }
            }
        }
        let trouble = cycle.backoff.cause
        troubleReport.note(trouble, now: time.monotonicNanoseconds())
        guard trouble != toldTrouble else { return }
        toldTrouble = trouble
        progress.noteTrouble(trouble.map { "\($0)" })
    }

    /// Whether nothing holds the thread back any more; does what was held.
    private func hasGoneOn() throws -> Bool {
        guard let held else { return true }
        guard time.monotonicNanoseconds() >= held.until else { return false }
        self.held = nil
        try run(held.action)
        return self.held == nil
    }

    /// Performs one action; the result is the cycle's next one.
    private func perform(_ action: CommitCycle.Action) throws -> CommitCycle.Action {
        times.begin(action, at: time.monotonicNanoseconds())
        switch action {
        case .none, .hold: return .none
        case .flushOutput:
            for task in tasks { try task.willCommit(at: time.monotonicNanoseconds()) }
            try output.pointee.drainAll()
        case .addOffsets: try addOffsets()
        case .endTransaction: try producer?.commit()
        case .applyToStores: try applyToStores()
        case .abortTransaction:
            output.pointee.discardAll()
            try producer?.abort()
        case .rewind: try rewind()
        case .replaceProducer:
            output.pointee.discardAll()
            try makeProducer()
        case .retry(let again):
            pause(20_000_000)
            return try perform(again)
        case .stop(let reason): throw StreamsError(reason)
        }
        times.end(action, at: time.monotonicNanoseconds())
        return cycle.next(.succeeded)
    }

    private func addOffsets() throws {
        var offsets: [TopicPartition: InputPosition] = [:]
        for task in tasks { offsets.merge(task.positionsToCommit) { $1 } }
        guard !offsets.isEmpty else { return }
        try producer?.addOffsets(offsets, group: group)
    }

    private func applyToStores() throws {
        for task in tasks {
            for owned in task.stores {
                owned.store.commit(changelogOffset: producer?.nextOffset(of: owned.changelog))
            }
            try task.noteCommitted()
        }
        sender.noteCommitted()
        progress.noteCommit()
        publish()
        try keepHouse()
    }

    /// Back to what is committed: positions from the log, stores from their committed values and
    /// the tail of their changelogs (an end whose answer was lost may have been a commit).
    private func rewind() throws {
        sender.forget()
        // What operators wrote on a way back that did not succeed.
        output.pointee.discardAll()
        let committed = try committedPositions(of: tasks.flatMap { $0.positions.keys })
        for task in tasks {
            for owned in task.stores { owned.store.abort() }
            do {
                try restore(task.stores)
            } catch let error as StoreError where error.code == .full {
                throw LogClientError(full: error)
            }
            task.rewind(to: committed)
            try task.didRewind(at: time.wallTime())
        }
        hasWorkFromStart = output.pointee.hasRecords || sender.hasSent
        progress.noteRewind()
    }

    /// Where the group goes on in these partitions: at what it committed, or at the log start.
    private func committedPositions(
        of partitions: [TopicPartition]
    ) throws -> [TopicPartition: InputPosition] {
        // The ids first: a position in a topic that is made anew behind them is refused as one of
        // another topic.
        let topics = try client.topics(named: Set(partitions.map(\.topic)).sorted())
        let ids = Dictionary(topics.map { ($0.name, $0.id) }) { $1 }
        let positions = try client.committedPositions(group: group, partitions: partitions)
        var result: [TopicPartition: InputPosition] = [:]
        for partition in partitions {
            var position =
                try positions[partition]
                ?? InputPosition(client.bounds(of: partition).logStart)
            position.topicID = ids[partition.topic]
            result[partition] = position
        }
        return result
    }

    // MARK: Errors

    private func stop(_ error: StreamsError) -> StepResult {
        failure = error
        // Nothing uncommitted may stay behind, unless another owner has already taken over.
        if error.code != .fenced {
            output.pointee.discardAll()
            do { try producer?.abort() } catch { troubleReport.noteFailedAbort(error) }
        }
        return .stopped(error)
    }
}
