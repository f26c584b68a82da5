import LogClient
import LogModel
import Streams

/// Stores that begin empty in a job that does not begin at the start of its inputs: new ones of a
/// job that was there before, and those whose changelog is gone while the positions stayed. Only
/// the owner can tell which it is.
struct EmptyStores {
    /// One sentence for each.
    private(set) var notes: [String] = []

    /// - Parameter plan: whose topics are not made yet.
    init(
        _ specification: TopologySpecification,
        _ plan: TopologyPlan,
        _ client: any LogClient,
        commandOptions: String
    ) throws {
        let new = Set(plan.topicsToCreate.map(\.name))
        for part in specification.subtopologies {
            let stores = part.stores.filter {
                // What is held begins with the first dead letter.
                !$0.isOfHeldKeys
                    && new.contains(specification.names.changelogTopic(store: $0.name))
            }
            guard !stores.isEmpty,
                let (place, offset) = try Self.position(of: part, specification, plan, client)
            else { continue }
            for store in stores {
                notes.append(
                    "the store \"\(store.name)\" begins empty, and the job goes on at offset "
                        + "\(offset.rawValue) of \(place): what lies before it is not counted in. "
                        + "millrace run JOB --reset \(commandOptions) begins with the first record"
                )
            }
        }
    }

    /// The first position of a part that is behind the start of its input. In a topic of the job's
    /// own what was processed is gone: there the start says nothing.
    private static func position(
        of part: TopologySpecification.Subtopology,
        _ specification: TopologySpecification,
        _ plan: TopologyPlan,
        _ client: any LogClient
    ) throws -> (TopicPartition, Offset)? {
        let new = Set(plan.topicsToCreate.map(\.name))
        let partitions = plan.inputTopics[part.id].filter { !new.contains($0) }.flatMap { topic in
            (0..<(plan.partitionCounts[topic] ?? 0)).map {
                TopicPartition(topic, PartitionIndex($0))
            }
        }
        guard !partitions.isEmpty else { return nil }
        let positions = try client.committedOffsets(
            group: specification.job,
            partitions: partitions
        )
        let own = Set(
            specification.subtopologies.flatMap(\.repartitions)
                .map(specification.names.repartitionTopic(via:))
        )
        for (partition, offset) in positions.sorted(by: { $0.key < $1.key }) where offset > .zero {
            if own.contains(partition.topic) { return (partition, offset) }
            if try offset > client.bounds(of: partition).logStart { return (partition, offset) }
        }
        return nil
    }
}
