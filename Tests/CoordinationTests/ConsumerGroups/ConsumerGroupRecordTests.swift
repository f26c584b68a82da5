import Bytes
import LogModel
import Testing

@testable import Coordination

@Suite struct ConsumerGroupRecordTests {
    private let topicID = UniqueID(high: 3, low: 4)

    private func again(_ record: ConsumerGroupRecord) throws -> ConsumerGroupRecord? {
        let (key, value) = try record.encoded()
        return try key.withUnsafeBytes { key in
            guard let value else { return try ConsumerGroupRecord(key: key, value: nil) }
            return try value.withUnsafeBytes { try ConsumerGroupRecord(key: key, value: $0) }
        }
    }

    @Test func `records are read as they were written, tombstones too`() throws {
        var subscription = ConsumerSubscription()
        subscription.instanceID = "i"
        subscription.clientHost = "/127.0.0.1"
        subscription.topicNames = ["a", "b"]
        subscription.pattern = "c.*"
        subscription.rebalanceMilliseconds = 5
        subscription.assignor = "range"
        var assignment = MemberAssignment()
        assignment.epoch = GroupEpoch(7)
        assignment.previousEpoch = GroupEpoch(6)
        assignment.state = .unrevoked
        assignment.assigned = [AssignedPartition(topicID, PartitionIndex(1)): GroupEpoch(5)]
        assignment.revoking = [AssignedPartition(topicID, PartitionIndex(0)): GroupEpoch(4)]
        let records: [ConsumerGroupRecord] = [
            .group("g", .init(epoch: GroupEpoch(7), subscriptionHash: -9)), .group("g", nil),
            .member("g", id: "m", subscription), .member("g", id: "m", nil),
            .targetEpoch("g", .init(epoch: GroupEpoch(7), time: Timestamp(8))),
            .targetEpoch("g", nil),
            .target("g", id: "m", [AssignedPartition(topicID, PartitionIndex(2))]),
            .target("g", id: "m", nil), .current("g", id: "m", assignment),
            .current("g", id: "m", nil),
        ]
        for record in records { #expect(try again(record) == record) }
    }

    /// As Kafka 4.3 writes a member without instance, rack, pattern and assignor.
    @Test func `a member's record is Kafka's, byte for byte`() throws {
        var subscription = ConsumerSubscription()
        subscription.clientID = "cl"
        subscription.clientHost = "/127.0.0.1"
        subscription.topicNames = ["idem", "plain"]
        subscription.rebalanceMilliseconds = 300_000
        let record = ConsumerGroupRecord.member(
            "g-consumer",
            id: "U8x9k5VHQMG3Izs1dZap0g",
            subscription
        )
        let (key, value) = try record.encoded()
        #expect(key.count == 38)
        let expected =
            [0, 0, 0, 0, 3] + Array("cl".utf8) + [11] + Array("/127.0.0.1".utf8) + [3, 5]
            + Array("idem".utf8) + [6] + Array("plain".utf8)
            + [1, 0, 4, 0x93, 0xe0, 0, 1, 0, 1, 0]
        #expect(value == expected)
    }
}
