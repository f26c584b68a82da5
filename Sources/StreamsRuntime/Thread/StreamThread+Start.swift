import LogClient
import LogModel
import StateStores
import Streams

/// What a stream thread does at its start, and again on its way back to what is committed.
extension StreamThread {
    /// How often a start asks the log for one thing; each time it may take some seconds.
    private static let startAttempts = 10

    /// Asks again while an earlier owner's transactions are being ended, some times.
    func patiently<Result>(_ ask: () throws -> Result) throws -> Result {
        var attempt = 1
        while true {
            do {
                return try ask()
            } catch LogClientError.retriable(let text) {
                guard attempt < Self.startAttempts else { throw LogClientError.retriable(text) }
                attempt += 1
                try checkNotStopped()
                pause(20_000_000)
            }
        }
    }

    func makeProducer() throws {
        let made = try client.makeTransactionalProducer(
            transactionalID: transactionalID,
            transactionTimeout: .milliseconds(configuration.transactionTimeoutMilliseconds)
        )
        producer = made
        sender.producer = made
    }

    func makeTask(
        _ id: TopologyPlan.Task,
        committed: [TopicPartition: InputPosition]
    ) throws -> StreamTask {
        let names = topology.specification.names
        let subtopology = topology.specification.subtopologies[id.subtopology]
        let stores = try openStores(of: subtopology.stores, partition: id.partition)
        do { try restore(stores) } catch {
            for owned in stores { try owned.store.close(checkpointing: false) }
            throw error
        }
        let binding = TaskBinding(
            partition: id.partition,
            output: output,
            partitionCounts: plan.partitionCounts,
            stores: Dictionary(
                uniqueKeysWithValues: stores.map { ($0.name, $0.store) }
                    + globalTables.map { ($0.table.store, $0.store) }
            ),
            names: names,
            errors: configuration.errorPlan(of: topology),
            isStopping: { [stopSwitch] in stopSwitch.isRequested },
            tell: tell
        ) { [client] topic in
            // What the coordinators write to takes nobody else's records.
            guard let known = try client.topics(named: [topic]).first, !known.isInternal else {
                return nil
            }
            if let owner = known.configuration[TopicLabel.ownerOption] {
                throw SinkError(topic: topic, owner: owner)
            }
            return known.partitionCount
        }
        let inputs = plan.inputTopics[id.subtopology].compactMap { topic in
            committed[TopicPartition(topic, id.partition)].map { (topic: topic, start: $0) }
        }
        return StreamTask(
            id: id,
            topology: topology,
            inputs: inputs,
            stores: stores,
            binding: binding,
            configuration: configuration
        )
    }

    private func openStores(
        of specifications: [StoreSpecification],
        partition: PartitionIndex
    ) throws -> [StreamTask.OwnedStore] {
        let names = topology.specification.names
        return try specifications.map { specification in
            let name = specification.name
            let path = "\(topology.job)/\(name)-\(partition.rawValue)"
            return StreamTask.OwnedStore(
                specification: specification,
                store: StateStore(
                    engine: specification.isInMemory
                        ? MemoryStoreEngine() : try engines.open(path: path),
                    worker: checkpointWorker,
                    budget: memory,
                    isOrdered: specification.isOrdered
                ),
                changelog: TopicPartition(names.changelogTopic(store: name), partition)
            )
        }
    }

    /// Brings stores up to their changelogs. A stop that is asked for meanwhile ends it: what was
    /// read back so far stays, and the next start goes on there.
    func restore(_ stores: [StreamTask.OwnedStore]) throws {
        for owned in stores {
            var restorer = ChangelogRestorer(
                partition: owned.changelog,
                entries: owned.specification,
                fetchByteCount: configuration.fetchByteCount,
                now: time.wallTime()
            )
            try restorer.restore(owned.store, from: client) {
                progress.noteRestored($0)
                try checkNotStopped()
            }
            if restorer.hasWiped {
                progress.noteWiped("\(owned.name)-\(owned.changelog.partition.rawValue)")
            }
        }
    }

    func checkNotStopped() throws {
        guard stopSwitch.isRequested else { return }
        throw StreamsError(code: .stopped, message: "stopped before the job began to process")
    }
}
