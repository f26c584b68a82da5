package import Bytes
import LogModel

/// How a coordinator shares partitions among members.
package enum GroupAssignor: CaseIterable, Sendable {
    /// As many for each as can be, and as few moves as can be. Kafka's default.
    case uniform
    /// Of each topic a run of partitions for each; so members have those of one number together.
    case range

    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// Kafka's word for it.
    package var name: String {
        switch self {
        case .uniform: "uniform"
        case .range: "range"
        }
    }

    /// A member as an assignor sees it.
    package struct Member: Sendable {
        package var id: String
        package var instanceID: String?
        package var topics: Set<UniqueID>
        /// What it was to have so far.
        package var current: Set<AssignedPartition>

        package init(
            id: String,
            instanceID: String? = nil,
            topics: Set<UniqueID>,
            current: Set<AssignedPartition> = []
        ) {
            self.id = id
            self.instanceID = instanceID
            self.topics = topics
            self.current = current
        }
    }

    /// What each member is to have: every partition of a topic that anybody subscribes to is
    /// somebody's who does, and nobody else's. The same for the same members in any order.
    package func assign(
        _ members: [Member],
        partitionCounts: [UniqueID: Int32]
    ) -> [String: Set<AssignedPartition>] {
        switch self {
        case .uniform:
            return UniformAssignment(members, partitionCounts: partitionCounts).result
        case .range: return Self.ranges(members, partitionCounts: partitionCounts)
        }
    }

    private static func ranges(
        _ members: [Member],
        partitionCounts: [UniqueID: Int32]
    ) -> [String: Set<AssignedPartition>] {
        // Static members first: they keep their place when they come back under another id.
        let ordered = members.sorted { left, right in
            switch (left.instanceID, right.instanceID) {
            case (let first?, let second?): first < second
            case (.some, nil): true
            case (nil, .some): false
            case (nil, nil): left.id < right.id
            }
        }
        var result = Dictionary(
            uniqueKeysWithValues: members.map { ($0.id, Set<AssignedPartition>()) }
        )
        for (topicID, count) in partitionCounts {
            let subscribers = ordered.filter { $0.topics.contains(topicID) }
            guard !subscribers.isEmpty else { continue }
            let (quota, extra) = Int(count).quotientAndRemainder(dividingBy: subscribers.count)
            var next = 0
            for (index, member) in subscribers.enumerated() {
                let end = next + quota + (index < extra ? 1 : 0)
                let run = (next..<end).map {
                    AssignedPartition(topicID, PartitionIndex(Int32($0)))
                }
                result[member.id]?.formUnion(run)
                next = end
            }
        }
        return result
    }
}
