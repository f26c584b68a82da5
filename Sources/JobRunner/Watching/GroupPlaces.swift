import Broker
import LogModel

/// Where groups go on: at their positions, and in the other partitions of the topics that they have
/// one in at the log's begin. In topics that are assigned to their members alone nobody knows: a
/// reader begins there where its settings say.
struct GroupPlaces {
    /// The partitions that there are, by their topic.
    private let partitions: [String: [TopicPartition]]
    /// Where the logs begin, as far as it is known.
    private let starts: [TopicPartition: Offset]

    init(_ topics: [Topic], starts: [TopicPartition: Offset]) {
        partitions = Dictionary(topics.map { ($0.name, $0.partitions.map(\.name)) }) { $1 }
        self.starts = starts
    }

    /// The places of a group, in the partitions' order.
    /// - Parameters:
    ///   - positionLimit: how many positions are told of a group: of one with so many it is not
    ///     known in which partitions it has none.
    ///   - limit: how many places are found at most; the others are counted.
    func places(
        of group: GroupObservation,
        positionLimit: Int,
        limit: Int
    ) -> (found: [(partition: TopicPartition, offset: Offset)], leftOutCount: Int) {
        var found = group.positions.map { (partition: $0.key, offset: $0.value) }
        var leftOutCount = 0
        if group.positions.count < positionLimit {
            for topic in Set(group.positions.keys.map(\.topic)).sorted() {
                for partition in partitions[topic] ?? []
                where group.positions[partition] == nil {
                    guard let start = starts[partition] else { continue }
                    if found.count < limit {
                        found.append((partition, start))
                    } else {
                        leftOutCount += 1
                    }
                }
            }
        }
        return (found.sorted { $0.partition < $1.partition }, leftOutCount)
    }

    /// How many partitions of topics that a group has no position in are assigned to its members.
    func unplacedCounts(
        of group: GroupObservation,
        assigned: Set<TopicPartition>,
        positionLimit: Int
    ) -> [String: Int] {
        guard group.positions.count < positionLimit else { return [:] }
        let placed = Set(group.positions.keys.map(\.topic))
        let there = assigned.filter {
            !placed.contains($0.topic) && partitions[$0.topic]?.contains($0) == true
        }
        return Dictionary(grouping: there, by: \.topic).mapValues(\.count)
    }
}
