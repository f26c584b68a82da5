package import LogModel
package import StateStores
package import Streams

/// What a thread lets others see of its pace and its stores.
extension StreamThread {
    /// What the thread's tasks counted so far.
    package var counters: TaskCounters {
        tasks.reduce(into: globalTableCounters) { $0.add($1.counters) }
    }

    /// Every key with a value of a store, of the thread's partitions.
    package func contents(
        ofStore name: String
    ) throws(StoreError) -> [(key: [UInt8], value: [UInt8], timestamp: Timestamp)] {
        var result: [(key: [UInt8], value: [UInt8], timestamp: Timestamp)] = []
        for task in tasks {
            for owned in task.stores where owned.name == name {
                result += try owned.store.contents()
            }
        }
        return try result + globalContents(ofStore: name)
    }

    /// Tells how far it is, after a commit.
    func publish() {
        var positions: [TopicPartition: Offset] = [:]
        for task in tasks { positions.merge(task.positions) { $1 } }
        progress.publish(
            positions: positions,
            counters: counters,
            recordsOut: sender.sinkRecordCount,
            recordsOutByTopic: sender.recordCounts,
            times: times,
            lostCount: tasks.reduce(0) { $0 + $1.lostCount },
            replacedCount: tasks.reduce(0) { $0 + $1.replacedCount }
        )
        publishStores()
    }

    /// Now and then: a thread may have thousands of them.
    private func publishStores() {
        let now = time.monotonicNanoseconds()
        if let lastStoreFacts, now &- lastStoreFacts < StoreFacts.intervalNanoseconds { return }
        lastStoreFacts = now
        progress.publish(
            stores: tasks.flatMap { task in
                task.stores.map { StoreFacts($0.store, $0.name, task.id.partition) }
            }
        )
    }
}
