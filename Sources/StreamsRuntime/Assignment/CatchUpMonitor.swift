import LogClient
import LogModel
import Streams

/// Tells when a job has processed and committed every input record that was there at the start,
/// through all its repartition topics.
///
/// First every external source must be past the end it had at the start; then, once for each
/// repartition topic, for the longest way may lead through all of them, their ends are taken anew
/// and must be passed.
final class CatchUpMonitor {
    private let client: any LogClient
    private let repartitions: [TopicPartition]
    private var targets: [TopicPartition: Offset]
    private var roundsLeft: Int

    init(plan: TopologyPlan, topology: Topology, client: any LogClient) throws(LogClientError) {
        self.client = client
        let specification = topology.specification
        let external = Set(specification.subtopologies.flatMap(\.externalTopics))
        let inputs = plan.tasks.flatMap { task in
            plan.inputTopics[task.subtopology].map { TopicPartition($0, task.partition) }
        }
        repartitions = inputs.filter { !external.contains($0.topic) }
        roundsLeft = specification.subtopologies.reduce(0) { $0 + $1.repartitions.count }
        targets = [:]
        for partition in inputs where external.contains(partition.topic) {
            targets[partition] = try client.bounds(of: partition).highWatermark
        }
    }

    /// Whether all is processed, given what the threads have published.
    func isCaughtUp(_ snapshots: [ThreadProgress.Snapshot]) throws(LogClientError) -> Bool {
        for (partition, target) in targets {
            let position = snapshots.lazy.compactMap { $0.positions[partition] }.first
            guard let position, position >= target else { return false }
        }
        guard roundsLeft > 0 else { return true }
        roundsLeft -= 1
        for partition in repartitions {
            targets[partition] = try client.bounds(of: partition).highWatermark
        }
        return false
    }
}
