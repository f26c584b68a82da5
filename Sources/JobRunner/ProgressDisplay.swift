import Glibc
import LogClient
import LogModel
import StreamsRuntime
import Synchronization
import Terminal
import Threads

/// Shows on a terminal how far a run is, from a thread of its own; in a pipe it does nothing.
final class ProgressDisplay: Sendable {
    private let isDone = Atomic(false)
    private let thread = Lock<OwnedThread?>(nil)
    private static let pollMicroseconds: UInt32 = 100_000

    /// Shows what `sample` says until `stop()`: records done, of how many, nil where unknown.
    init(_ title: String, sample: @escaping @Sendable () -> (done: Int, total: Int?)) {
        guard TextOutput.error.isTerminal else { return }
        let started = OwnedThread { [self] in
            var bar = ProgressBar(title)
            while !isDone.load(ordering: .acquiring) {
                let (done, total) = sample()
                bar.update(done: done, total: total)
                usleep(Self.pollMicroseconds)
            }
            bar.finish()
        }
        thread.withLock { $0 = started }
    }

    func stop() {
        isDone.store(true, ordering: .releasing)
        thread.withLock { $0.take() }?.join()
    }
}

/// The records that lie before a job at its start, by input partition.
struct InputBacklog: Sendable {
    private let start: [TopicPartition: Offset]
    /// Where the inputs ended then.
    let ends: [TopicPartition: Offset]

    init(
        job: String,
        topics: [TopicDescription],
        client: any LogClient
    ) throws(LogClientError) {
        let partitions = topics.flatMap { topic in
            (0..<topic.partitionCount).map { TopicPartition(topic.name, PartitionIndex($0)) }
        }
        let committed = try client.committedOffsets(group: job, partitions: partitions)
        var start: [TopicPartition: Offset] = [:]
        var end: [TopicPartition: Offset] = [:]
        for partition in partitions {
            let bounds = try client.bounds(of: partition)
            start[partition] = max(committed[partition] ?? .zero, bounds.logStart)
            end[partition] = bounds.highWatermark
        }
        self.start = start
        ends = end
    }

    var total: Int { Int(countsByTopic.values.reduce(0, +)) }

    /// The same by topic.
    var countsByTopic: [String: Int64] {
        ends.reduce(into: [:]) { counts, end in
            let count = start[end.key]?.distance(to: end.value) ?? 0
            counts[end.key.topic, default: 0] += max(0, count)
        }
    }

    /// The offsets that the positions of `snapshots` have passed.
    func done(_ snapshots: [ThreadProgress.Snapshot]) -> Int {
        var count = 0
        for snapshot in snapshots {
            for (partition, position) in snapshot.positions {
                if let from = start[partition] { count += Int(from.distance(to: position)) }
            }
        }
        return count
    }
}
