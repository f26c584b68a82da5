import LogClient
import LogModel
import StateStores
import Streams

/// The thread's copies of global tables: read whole at the start, then kept up to their topics
/// between the records of its tasks.
extension StreamThread {
    func startGlobalTables() throws {
        for table in topology.globalTables {
            guard let topic = try client.topics(named: [table.topic]).first else {
                throw StreamsError(
                    code: .topology,
                    message: PlanError.missingSource(topic: table.topic)
                        .description(commandOptions: configuration.commandOptions)
                )
            }
            // No store's name has a tilde: its folders are its own.
            let (progress, name) = (progress, "\(table.store)~global-\(slot)")
            let reader = GlobalTableReader(
                table: table,
                topic: topic,
                store: StateStore(
                    engine: try engines.open(path: "\(topology.job)/\(name)"),
                    worker: checkpointWorker,
                    budget: memory
                ),
                configuration: configuration,
                skipsUnreadable: configuration.errorPlan(of: topology).skipsUnreadable(in: table)
            ) { progress.noteWiped(name) }
            globalTables.append(reader)
            try reader.restore(from: client, at: time.wallTime()) {
                progress.noteRestored($0)
                try checkNotStopped()
            }
        }
    }

    /// Takes what has come in the topics; returns whether there was any.
    func updateGlobalTables() throws -> Bool {
        var hasChanged = false
        for reader in globalTables {
            try reader.store.loadSome()
            do {
                if try reader.update(from: client, at: time.wallTime()) { hasChanged = true }
            } catch let error as LogClientError {
                return try handle(.failed(error))
            } catch let error as StoreError where error.code == .full {
                return try handle(.failed(LogClientError(full: error)))
            }
        }
        return hasChanged
    }

    func closeGlobalTables() throws(StreamsError) {
        var first: StreamsError?
        for reader in globalTables {
            do throws(StoreError) {
                try reader.store.close(checkpointing: failure == nil)
            } catch { first = first ?? StreamsError(ofStore: error) }
        }
        globalTables = []
        if let first { throw first }
    }

    /// Every thread meets the same records: the first one's count.
    var globalTableCounters: TaskCounters {
        guard slot == 0 else { return TaskCounters() }
        return globalTables.reduce(into: TaskCounters()) { $0.add($1.counters) }
    }

    /// The rows of a global table, which are the same in every thread: the first one's.
    func globalContents(
        ofStore name: String
    ) throws(StoreError) -> [(key: [UInt8], value: [UInt8], timestamp: Timestamp)] {
        guard slot == 0, let reader = globalTables.first(where: { $0.table.store == name }) else {
            return []
        }
        return try reader.store.contents().filter { $0.key.first == GlobalTableKey.row }
            .map { (Array($0.key.dropFirst()), $0.value, $0.timestamp) }
    }
}
