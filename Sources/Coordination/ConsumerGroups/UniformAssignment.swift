import Bytes
import LogModel

/// Shares partitions evenly, and leaves as many as it can where they were.
struct UniformAssignment {
    /// Moves are looked for so many times at most where subscriptions differ: each round of them
    /// makes the shares more even, and a few do.
    private static let roundLimit = 64

    private let members: [GroupAssignor.Member]
    private var assigned: [Set<AssignedPartition>]
    private var unassigned: [AssignedPartition] = []

    init(_ members: [GroupAssignor.Member], partitionCounts: [UniqueID: Int32]) {
        self.members = members.sorted { $0.id < $1.id }
        assigned = self.members.map { member in
            member.current.filter { partition in
                guard member.topics.contains(partition.topicID),
                    let count = partitionCounts[partition.topicID]
                else { return false }
                return partition.partition.rawValue < count
            }
        }
        dropDoubles()
        let taken = assigned.reduce(into: Set<AssignedPartition>()) { $0.formUnion($1) }
        let wanted = self.members.reduce(into: Set<UniqueID>()) { $0.formUnion($1.topics) }
        for topicID in wanted.sorted() {
            for index in 0..<(partitionCounts[topicID] ?? 0) {
                let partition = AssignedPartition(topicID, PartitionIndex(index))
                if !taken.contains(partition) { unassigned.append(partition) }
            }
        }
        guard let first = self.members.first else { return }
        if self.members.allSatisfy({ $0.topics == first.topics }) {
            shareAmongEquals()
        } else {
            shareAmongOthers()
            level()
        }
    }

    var result: [String: Set<AssignedPartition>] {
        Dictionary(uniqueKeysWithValues: zip(members.map(\.id), assigned))
    }

    /// What two were to have is the first one's.
    private mutating func dropDoubles() {
        var seen: Set<AssignedPartition> = []
        for index in assigned.indices {
            assigned[index].subtract(seen)
            seen.formUnion(assigned[index])
        }
    }

    /// All members subscribe to the same topics: each has the same number, and some one more. Who
    /// has one more already keeps it, as long as there are enough who come behind.
    private mutating func shareAmongEquals() {
        let total = unassigned.count + assigned.reduce(0) { $0 + $1.count }
        let (quota, remainder) = total.quotientAndRemainder(dividingBy: members.count)
        var extras = remainder
        var missing: [(index: Int, count: Int)] = []
        for index in assigned.indices {
            var own = quota + (extras > 0 ? 1 : 0)
            var takesExtra = extras > 0
            for partition in assigned[index].sorted().dropFirst(own) {
                assigned[index].remove(partition)
                unassigned.append(partition)
            }
            own -= assigned[index].count
            if own > 0, takesExtra, members.count - index > extras {
                own -= 1
                takesExtra = false
            }
            if own > 0 { missing.append((index, own)) }
            if takesExtra { extras -= 1 }
        }
        var rest = unassigned.sorted()[...]
        for (index, count) in missing {
            assigned[index].formUnion(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        precondition(rest.isEmpty, "partitions that nobody was given")
    }

    /// Each partition goes to whoever has the fewest of those who subscribe to its topic.
    private mutating func shareAmongOthers() {
        for partition in unassigned {
            let least = subscriberWithLeast(of: partition)
            if let least { assigned[least].insert(partition) }
        }
    }

    /// Moves partitions to those who have two less, until there are none.
    private mutating func level() {
        for _ in 0..<Self.roundLimit {
            var hasMoved = false
            for index in members.indices {
                for partition in assigned[index].sorted() {
                    let least = subscriberWithLeast(of: partition)
                    guard let least, assigned[least].count + 1 < assigned[index].count else {
                        continue
                    }
                    assigned[index].remove(partition)
                    assigned[least].insert(partition)
                    hasMoved = true
                }
            }
            if !hasMoved { return }
        }
    }

    private func subscriberWithLeast(of partition: AssignedPartition) -> Int? {
        members.indices.lazy
            .filter { members[$0].topics.contains(partition.topicID) }
            .min { assigned[$0].count < assigned[$1].count }
    }
}
