import Bytes
import LogModel
import Testing

@testable import Coordination

@Suite struct GroupAssignorTests {
    private typealias Member = GroupAssignor.Member

    private let x = UniqueID(high: 0, low: 1)
    private let y = UniqueID(high: 0, low: 2)

    private func partitions(_ topicID: UniqueID, _ range: Range<Int32>) -> Set<AssignedPartition> {
        Set(range.map { AssignedPartition(topicID, PartitionIndex($0)) })
    }

    @Test func `ranges are runs, the first ones longer, static members in front`() {
        let result = GroupAssignor.range.assign(
            [
                Member(id: "a", topics: [x]), Member(id: "b", topics: [x, y]),
                Member(id: "z", instanceID: "i", topics: [x, y]),
            ],
            partitionCounts: [x: 5, y: 3]
        )
        #expect(result["z"] == partitions(x, 0..<2).union(partitions(y, 0..<2)))
        #expect(result["a"] == partitions(x, 2..<4))
        #expect(result["b"] == partitions(x, 4..<5).union(partitions(y, 2..<3)))
    }

    @Test func `uniform shares moves no more than it must`() {
        var members = [Member(id: "b", topics: [x], current: partitions(x, 0..<4))]
        var result = GroupAssignor.uniform.assign(members, partitionCounts: [x: 5])
        #expect(result["b"] == partitions(x, 0..<5))
        members[0].current = partitions(x, 0..<5)
        members.append(Member(id: "a", topics: [x]))
        result = GroupAssignor.uniform.assign(members, partitionCounts: [x: 5])
        // The one more stays with whoever has it.
        #expect(result["b"] == partitions(x, 0..<3))
        #expect(result["a"] == partitions(x, 3..<5))
    }

    @Test func `uniform shares of different subscriptions are as even as those allow`() {
        let result = GroupAssignor.uniform.assign(
            [
                Member(id: "a", topics: [x, y], current: partitions(x, 0..<4)),
                Member(id: "b", topics: [x]), Member(id: "c", topics: [y]),
            ],
            partitionCounts: [x: 4, y: 2]
        )
        #expect(result["a"]?.count == 2)
        #expect(result["b"]?.count == 2)
        #expect(result["c"] == partitions(y, 0..<2))
    }

    @Test(arguments: GroupAssignor.allCases)
    func `every partition is one member's who subscribes to it`(assignor: GroupAssignor) {
        var random = SplitMix(state: 848)
        for _ in 0..<500 {
            let counts: [UniqueID: Int32] = [
                x: Int32(random.next(9)), y: Int32(random.next(9)),
            ]
            let isMixed = random.next(2) == 0
            let members = (0..<(1 + random.next(6))).map { index in
                Member(
                    id: "m\(index)",
                    topics: isMixed && random.next(2) == 0 ? [x] : [x, y],
                    // Of other members, of topics that are gone, and twice.
                    current: partitions(x, 0..<Int32(random.next(12)))
                )
            }
            let result = assignor.assign(members, partitionCounts: counts)
            #expect(Set(result.keys) == Set(members.map(\.id)))
            var seen: Set<AssignedPartition> = []
            for member in members {
                for partition in result[member.id] ?? [] {
                    #expect(seen.insert(partition).inserted)
                    #expect(member.topics.contains(partition.topicID))
                }
            }
            let wanted = members.reduce(into: Set<UniqueID>()) { $0.formUnion($1.topics) }
            #expect(seen.count == wanted.reduce(0) { $0 + Int(counts[$1] ?? 0) })
            #expect(result == assignor.assign(members.reversed(), partitionCounts: counts))
            guard assignor == .uniform, !isMixed else { continue }
            let sizes = result.values.map(\.count)
            #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        }
    }
}
