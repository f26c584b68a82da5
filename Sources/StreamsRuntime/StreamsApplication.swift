package import LogClient
package import LogModel
package import StateStores
package import Streams
import Synchronization
import Threads

/// A job at work over one log: its topics, its stream threads, and how far they are.
///
/// `start()`, then either `run(until:)`, which uses threads of its own, or `step()` from a test,
/// and `close()` at the end.
package final class StreamsApplication {
    /// When a run ends by itself.
    package enum End: Sendable {
        /// Never; only `StopSwitch.request()` ends it.
        case onRequest
        /// When every input record that was there at the start is processed and committed.
        case whenCaughtUp
    }

    package let topology: Topology
    package let plan: TopologyPlan
    package let stopSwitch = StopSwitch()
    private let client: any LogClient
    private let threads: [StreamThread]
    private let checkpointWorker: CheckpointWorker
    /// What the stores of all threads share.
    package let memory: MemoryBudget

    /// Plans the topology over the log's topics, and creates those that are the job's to create.
    /// `tell` gets a sentence about what a thread waits for, once, and again when it goes on.
    package init(
        topology: Topology,
        client: any LogClient,
        engines: any StoreEngineFactory,
        configuration: StreamsConfiguration,
        time: any TimeSource,
        pause: @escaping @Sendable (UInt64) -> Void,
        tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(StreamsError) {
        self.topology = topology
        self.client = client
        do {
            let existing = try client.topics(named: nil)
            let specification = topology.specification
            plan = try TopologyPlan(specification, existing: existing)
            let left = LeftRecords(client: client)
            try left.refuse(plan.changedFormats)
            try left.refuse(
                unread: TopologyPlan.unusedRepartitions(of: specification, existing: existing),
                of: specification.job
            )
            // Nothing depends on it: a group that cannot be asked is asked again by a thread.
            let stores = try? EmptyStores(
                specification,
                plan,
                client,
                commandOptions: configuration.commandOptions
            )
            for note in stores?.notes ?? [] { tell(note) }
            for topic in plan.topicsToCreate { try client.createTopic(topic) }
            client.noteOutputs(specification.outputTopics, of: specification.job)
            for (topic, label) in plan.topicsToLabel.sorted(by: { $0.key < $1.key }) {
                try client.alterTopic(topic, options: TopologyPlan.options(for: label))
            }
        } catch let error as PlanError {
            throw StreamsError(
                code: .topology,
                message: error.description(commandOptions: configuration.commandOptions)
            )
        } catch {
            throw StreamsError(ofLog: error)
        }
        let count = max(1, min(configuration.threadCount, plan.tasks.count))
        let plan = plan
        let stopSwitch = stopSwitch
        let checkpointWorker = CheckpointWorker(inline: configuration.checkpointsInline)
        self.checkpointWorker = checkpointWorker
        let memory = MemoryBudget(byteCount: configuration.memoryByteCount)
        self.memory = memory
        threads = (0..<count).map { slot in
            StreamThread(
                slot: slot,
                topology: topology,
                plan: plan,
                tasks: plan.tasks.enumerated().filter { $0.offset % count == slot }.map(\.element),
                client: client,
                engines: engines,
                checkpointWorker: checkpointWorker,
                memory: memory,
                configuration: configuration,
                time: time,
                stopSwitch: stopSwitch,
                pause: pause,
                tell: tell
            )
        }
    }

    /// How far each thread is; safe to read from another thread while the job runs.
    package var progress: [ThreadProgress] { threads.map(\.progress) }

    /// Starts every thread's producer and restores its stores. Throws `.stopped` when a stop is
    /// asked for meanwhile.
    package func start() throws(StreamsError) {
        for thread in threads { try thread.start() }
    }

    /// Lets every thread do a little; false when none had anything to do.
    package func step() throws(StreamsError) -> Bool {
        var worked = false
        for thread in threads {
            switch thread.step() {
            case .worked: worked = true
            case .idle: break
            case .stopped(let error): throw error
            }
        }
        return worked
    }

    /// Commits what every thread has processed.
    package func commit() throws(StreamsError) {
        for thread in threads { try thread.commit() }
    }

    /// What the job counted so far. Only while nobody steps it.
    package var counters: TaskCounters {
        threads.reduce(into: TaskCounters()) { $0.add($1.counters) }
    }

    /// Every key with a value of a store, over all partitions. Only while nobody steps the job.
    package func contents(
        ofStore name: String
    ) throws(StreamsError) -> [(key: [UInt8], value: [UInt8], timestamp: Timestamp)] {
        var result: [(key: [UInt8], value: [UInt8], timestamp: Timestamp)] = []
        do throws(StoreError) {
            for thread in threads { result += try thread.contents(ofStore: name) }
            return result
        } catch { throw StreamsError(ofStore: error) }
    }

    /// Runs the threads until the end, until a stop is requested, or until one fails: then the
    /// others stop too. What is processed is committed before it returns, unless a thread failed.
    package func run(until end: End) throws(StreamsError) {
        var monitor: CatchUpMonitor?
        do {
            if case .whenCaughtUp = end {
                monitor = try CatchUpMonitor(plan: plan, topology: topology, client: client)
            }
        } catch { throw StreamsError(ofLog: error) }
        let failure = Lock<StreamsError?>(nil)
        let stopSwitch = stopSwitch
        let loops = threads.map { thread in
            ThreadLoop(
                thread: thread,
                client: client,
                stopSwitch: stopSwitch,
                monitor: thread === threads[0] ? monitor : nil,
                progress: progress,
                commitsWhenIdle: monitor != nil
            ) { error in
                failure.withLock { $0 = $0 ?? error }
                stopSwitch.request()
            }
        }
        // The first loop runs here, so that a job with one thread has one.
        let others = loops.dropFirst().map { loop in OwnedThread { loop.run() } }
        loops.first?.run()
        for other in others { other.join() }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Commits, checkpoints the stores and closes everything. Call it once, whatever happened.
    package func close() throws(StreamsError) {
        var first: StreamsError?
        for thread in threads {
            do throws(StreamsError) { try thread.close() } catch { first = first ?? error }
        }
        checkpointWorker.close()
        if let first { throw first }
    }
}

/// Asks a running job to commit and leave. Safe to use from any thread.
package final class StopSwitch: Sendable {
    private let requested = Atomic(false)
    package init() {}
    package func request() { requested.store(true, ordering: .releasing) }
    package var isRequested: Bool { requested.load(ordering: .acquiring) }
}
