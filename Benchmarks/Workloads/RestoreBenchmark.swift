import Bytes
import LogModel
import RocksStore
import StateStores
import Streams
import StreamsRuntime

extension Benchmark {
    static func restore(
        _ rig: BenchmarkRig,
        records: Int64,
        keys: Int64
    ) throws -> BenchmarkResult {
        try requireWholeLanes(keys, "keys")
        try rig.fill("changelog", records: 0..<records) { number, key, value in
            key.append(utf8: keyText(shuffledKey(of: number, keys: keys)))
            key.append(utf8: "-store")
            value.append(bigEndian: number)
        }
        let factory = rig.storeFactory
        let budget = MemoryBudget(byteCount: rig.memoryByteCount)
        let worker = CheckpointWorker(inline: true)
        defer { worker.close() }
        let cpuBefore = BenchmarkRig.cpuSeconds()
        let begin = rig.time.monotonicNanoseconds()
        var stores: [StateStore] = []
        for partition in 0..<BenchmarkRig.partitionCount {
            let store = StateStore(
                engine: try factory.open(path: "restore-\(partition)"),
                worker: worker,
                budget: budget
            )
            var restorer = ChangelogRestorer(
                partition: TopicPartition("changelog", PartitionIndex(partition)),
                entries: StoreSpecification("restore", key: .utf8, value: .int64),
                fetchByteCount: 1 << 20,
                now: rig.time.wallTime()
            )
            try restorer.restore(store, from: rig.client) { _ in }
            stores.append(store)
        }
        let seconds = Double(rig.time.monotonicNanoseconds() - begin) / 1e9
        let cpuSeconds = BenchmarkRig.cpuSeconds() - cpuBefore
        let verified = try verifyRestore(stores, records: records, keys: keys)
        for store in stores { try store.close(checkpointing: false) }
        return BenchmarkResult(
            bench: "restore",
            records: records,
            keys: keys,
            seconds: seconds,
            cpuSeconds: cpuSeconds,
            commits: 0,
            endTransactionSeconds: 0,
            fdatasyncs: 0,
            peakResidentByteCount: BenchmarkRig.peakResidentByteCount(),
            verified: verified
        )
    }

    /// Every key must have the value of its last record.
    private static func verifyRestore(
        _ stores: [StateStore],
        records: Int64,
        keys: Int64
    ) throws -> Bool {
        var count = 0
        for store in stores {
            for entry in try store.contents() {
                let found = entry.key.withUnsafeBytes { Self.number(ofKey: $0) }
                guard let number = found, entry.value.count == 8 else {
                    throw BenchmarkError("the store has an entry that was never written")
                }
                let value = entry.value.withUnsafeBytes { raw in
                    Int64(bigEndian: raw.loadUnaligned(as: Int64.self))
                }
                guard value + keys >= records, value < records,
                    shuffledKey(of: value, keys: keys) == number
                else { throw BenchmarkError("key \(number) has \(value), not its last record") }
                count += 1
            }
        }
        guard Int64(count) == keys else {
            throw BenchmarkError("\(count) keys were restored, \(keys) must be")
        }
        return true
    }

    /// Every key once in each round of `keys` records, in no order that helps a sort; a key keeps
    /// to its partition as long as the keys are a multiple of the partitions.
    static func shuffledKey(of number: Int64, keys: Int64) -> Int64 {
        let partitions = Int64(BenchmarkRig.partitionCount)
        let slots = keys / partitions
        let slot = number % keys / partitions
        return slot &* 999_983 % slots * partitions + number % partitions
    }
}
