import Broker
import DirectoryAccess
import EmbeddedClient
import Glibc
import LogClient
import LogModel
import RocksStore
import StateStores
import Streams
import StreamsRuntime
import Terminal

/// One run of a job over the log of a data directory, from its opening to its closing line.
struct JobRun {
    let topology: Topology
    let options: RunOptions

    private var stateDirectory: String { StateFolder.path(in: options.dataDirectory) }

    func run() throws -> ExitStatus {
        let signals = try SignalListener.start()
        TrapWords.install(data: options.dataDirectory)
        let settings = try ServerSettings(options.listen?.settings ?? [])
        let log = try OpenLog(options.dataDirectory, creates: false) { configuration in
            settings.broker(&configuration)
            configuration.ownerNote = "the job \(topology.job)"
        }
        let result = Result {
            try serving(log) { watch in try process(log, signals, watch) }
        }
        if case .success = result { Self.compact(log, signals) }
        let closing = Result { try log.close() }
        let summary = try result.mapError {
            CommandFailure(explaining: $0, data: options.dataDirectory)
        }.get()
        try closing.get()
        TextOutput.standard.write(options.json ? summary.json : summary.text)
        return .done
    }

    /// Does `work` while others are served: this user's commands, and Kafka's clients and who
    /// watches over HTTP, where that was asked for.
    private func serving<Value>(
        _ log: OpenLog,
        _ work: (WatchServer?) throws -> Value
    ) throws -> Value {
        let listener = try LogListener(log, options.listen)
        defer { listener?.stop() }
        for address in listener?.addresses ?? [] {
            TextOutput.error.write("listening on \(address)\n")
        }
        guard let http = options.http else { return try work(nil) }
        let watch = try WatchServer(log, http, program: "run", probe: listener?.probe)
        defer { watch.stop() }
        TextOutput.error.write("watch at http://\(watch.address)/\n")
        return try work(watch)
    }

    /// Compacts what is due of the topics in use, for some seconds: runs that are shorter than the
    /// cleaner's interval would leave changelogs to grow.
    private static func compact(_ log: OpenLog, _ signals: SignalListener) {
        let time = SystemTimeSource()
        let begin = time.monotonicNanoseconds()
        log.broker.cleanInUse { _ in
            signals.request == nil && time.monotonicNanoseconds() - begin < 5_000_000_000
        }
    }

    private func process(
        _ log: OpenLog,
        _ signals: SignalListener,
        _ watch: WatchServer?
    ) throws -> RunSummary {
        let time = SystemTimeSource()
        let inputs = try inputTopics(log.client)
        let own = usedTopics
        let coordinators = log.broker.coordinatorPartitions(
            group: topology.job,
            transactionalIDs: (0..<max(1, options.configuration.threadCount)).map {
                StreamsConfiguration.transactionalID(job: topology.job, slot: $0)
            }
        )
        try log.refuseUnfinished(own)
        let reset = JobReset(
            topology: topology,
            stateDirectory: stateDirectory,
            client: log.client
        )
        if options.reset || reset.isPending {
            // Whatever state the job's own topics are in, they go.
            let going = try reset.internalTopics()
            try log.requireIntact {
                own.contains($0.topic) && !going.contains($0.topic) || coordinators.contains($0)
            }
            try startOver(reset, at: time.wallTime())
        }
        try log.requireIntact { own.contains($0.topic) || coordinators.contains($0) }
        var configuration = options.configuration
        configuration.memoryByteCount =
            options.memory?.byteCount ?? MachineMemory.standardShare
        let application = try StreamsApplication(
            topology: topology,
            client: log.client,
            engines: engines(memoryByteCount: configuration.memoryByteCount),
            configuration: configuration,
            time: time,
            pause: Self.pause,
            tell: Self.tell
        )
        noteTopology(log.client, configuration.commandOptions)
        let watched = WatchedJob(application)
        watch?.watch(watched)
        let stopSwitch = application.stopSwitch
        signals.onRequest { stopSwitch.request() }
        let progress = application.progress
        let begin = time.monotonicNanoseconds()
        let work = Result {
            try restore(application, progress)
            watched.noteRestored()
            // The positions are free only now: the new producers fenced the owners before them,
            // whose open transactions may hold offsets.
            let backlog = try InputBacklog(job: topology.job, topics: inputs, client: log.client)
            try advance(application, progress, backlog, log)
        }
        let closing = Result { try application.close() }
        do { try work.get() } catch let error as StreamsError where error.code == .stopped {}
        try closing.get()
        let nanoseconds = time.monotonicNanoseconds() - begin
        var summary = RunSummary(
            job: topology.job,
            snapshots: progress.map(\.snapshot),
            seconds: Double(nanoseconds) / 1e9
        )
        if options.untilCaughtUp, signals.request != nil {
            summary.remainder = try remainder(log.client)
        }
        return summary
    }

    /// What there is to read yet, of topics from outside and of the job's own.
    private func remainder(_ client: EmbeddedClient) throws -> JobRemainder? {
        let specification = topology.specification
        let names = specification.subtopologies.flatMap { part in
            part.externalTopics
                + part.repartitions.map { specification.names.repartitionTopic(via: $0) }
        }
        let topics = try client.topics(named: Set(names).sorted())
        let backlog = try InputBacklog(job: topology.job, topics: topics, client: client)
        return JobRemainder(backlog.countsByTopic)
    }

    private func engines(memoryByteCount: Int) -> RocksStoreFactory {
        RocksStoreFactory(
            directory: stateDirectory,
            options: RocksOptions(
                cacheByteCount: MemoryBudget.cacheByteCount(of: memoryByteCount)
            ),
            onDiscard: Self.warn
        )
    }

    /// The topics from outside that the job's tasks read; an error names one that is missing, of a
    /// global table too.
    private func inputTopics(_ client: EmbeddedClient) throws -> [TopicDescription] {
        let specification = topology.specification
        let external = Set(specification.subtopologies.flatMap(\.externalTopics))
        let names = external.union(specification.globalTables.map(\.topic))
        let found = try client.topics(named: names.sorted())
        if let missing = names.subtracting(found.map(\.name)).sorted().first {
            throw CommandFailure(
                "the input topic '\(missing)' does not exist",
                place: options.dataDirectory,
                reason: "the job \(topology.job) reads it",
                next: nextCommand(
                    "topic create \(argument: missing) --partitions 4",
                    data: options.dataDirectory
                )
            )
        }
        return found.filter { external.contains($0.name) }
    }

    /// Every topic that the job reads or writes.
    private var usedTopics: Set<String> {
        let specification = topology.specification
        var names: Set<String> = []
        for item in specification.operators {
            if let topic = specification.inputTopic(of: item.kind) { names.insert(topic) }
            if let topic = specification.outputTopic(of: item.kind) { names.insert(topic) }
        }
        names.formUnion(specification.globalTables.map(\.topic))
        for store in specification.subtopologies.flatMap(\.stores) {
            names.insert(specification.names.changelogTopic(store: store.name))
        }
        return names
    }

    private func startOver(_ reset: JobReset, at now: Timestamp) throws {
        try reset.run()
        let commandOptions = options.configuration.commandOptions
        reset.letterNotes(now: now, commandOptions: commandOptions).forEach(Self.tell)
    }

    /// Nothing depends on it: what cannot be asked is told by whoever needs it.
    private func tellLapsedStores(of client: any LogClient, _ commandOptions: String) {
        let former = StoredTopology.read(topology.job, in: stateDirectory)
        let lapsed = try? LapsedStores(topology.specification, former: former) { topic in
            let found = try client.topics(named: [topic])
            return try found.contains { description in
                try (0..<description.partitionCount).contains { index in
                    let name = TopicPartition(topic, PartitionIndex(index))
                    return try client.bounds(of: name).highWatermark > .zero
                }
            }
        }
        for note in lapsed?.notes(commandOptions: commandOptions) ?? [] { Self.tell(note) }
    }

    /// Plans compare with it, and nothing else depends on it.
    private func noteTopology(_ client: any LogClient, _ commandOptions: String) {
        tellLapsedStores(of: client, commandOptions)
        do { try StoredTopology(topology.specification).write(in: stateDirectory) } catch {
            let failure = CommandFailure(explaining: error, data: options.dataDirectory)
            let words = [failure.what, failure.place, failure.reason].compactMap(\.self)
            let reason = words.joined(separator: ", ")
            Self.tell("the topology was not noted for later plans: \(reason)")
        }
    }

    private func restore(_ application: StreamsApplication, _ progress: [ThreadProgress]) throws {
        let display = ProgressDisplay("restoring") {
            (progress.reduce(0) { $0 + Int($1.snapshot.restored) }, nil)
        }
        defer { display.stop() }
        try application.start()
    }

    private func advance(
        _ application: StreamsApplication,
        _ progress: [ThreadProgress],
        _ backlog: InputBacklog,
        _ log: OpenLog
    ) throws {
        let total = options.untilCaughtUp ? backlog.total : nil
        let display = ProgressDisplay(topology.job) {
            (backlog.done(progress.map(\.snapshot)), total)
        }
        defer { display.stop() }
        let waiting = options.untilCaughtUp ? wait(for: backlog.ends, progress, log) : nil
        defer { waiting?.stop() }
        try application.run(until: options.untilCaughtUp ? .whenCaughtUp : .onRequest)
    }

    private func wait(
        for ends: [TopicPartition: Offset],
        _ progress: [ThreadProgress],
        _ log: OpenLog
    ) -> TransactionWait {
        TransactionWait(
            log,
            targets: ends,
            sample: { progress.map(\.snapshot) },
            tell: Self.tell
        )
    }

    /// Says why a store's restore reads its whole changelog.
    private static let warn: @Sendable (StoreError) -> Void = { error in
        tell("the store \(error.path) is rebuilt from its changelog: \(error.message)")
    }

    /// Says a warning on a line of its own: on a terminal the progress may stand there.
    private static let tell: @Sendable (String) -> Void = { text in
        let lineStart = TextOutput.error.isTerminal ? "\r\u{1B}[2K" : ""
        TextOutput.error.write("\(lineStart)warning: \(text)\n")
    }

    /// Lets nanoseconds pass before the engine tries something again.
    private static let pause: @Sendable (UInt64) -> Void = { nanoseconds in
        usleep(UInt32(clamping: nanoseconds / 1000))
    }
}
