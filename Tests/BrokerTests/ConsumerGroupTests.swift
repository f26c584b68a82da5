import Broker
import Bytes
import Coordination
import LogModel
import MillraceTestKit
import Testing
import Threads

@Suite struct ConsumerGroupTests {
    private let time = ManualTimeSource()

    private func open(_ disk: SimulatedDisk) throws -> Broker {
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.groups.initialRebalanceDelayMilliseconds = 0
        return try Broker.open(
            disk: disk,
            directory: "/data",
            configuration: configuration,
            time: time
        )
    }

    private func ask(_ broker: Broker, _ beat: ConsumerHeartbeat) throws -> ConsumerHeartbeatAnswer
    {
        let answer = Lock<ConsumerHeartbeatAnswer?>(nil)
        broker.consumerHeartbeat(beat) { result in answer.withLock { $0 = result } }
        return try #require(answer.withLock { $0 })
    }

    private func join(_ broker: Broker, _ id: String) throws -> ConsumerHeartbeatAnswer {
        try ask(
            broker,
            ConsumerHeartbeat(
                group: "g",
                memberID: id,
                epoch: .joining,
                rebalanceMilliseconds: 5_000,
                topicNames: ["t"],
                ownedPartitions: []
            )
        )
    }

    private func beat(
        _ broker: Broker,
        _ id: String,
        _ epoch: Int32
    ) throws -> ConsumerHeartbeatAnswer {
        try ask(broker, ConsumerHeartbeat(group: "g", memberID: id, epoch: GroupEpoch(epoch)))
    }

    private func joinClassic(_ broker: Broker) throws -> JoinAnswer {
        let answer = Lock<JoinAnswer?>(nil)
        broker.joinGroup("g", .consumer()) { result in answer.withLock { $0 = result } }
        return try #require(answer.withLock { $0 })
    }

    private func leaveClassic(_ broker: Broker, _ id: String) {
        broker.leaveGroup("g", [(memberID: id, instanceID: nil)]) { _, _ in }
    }

    private func commit(
        _ broker: Broker,
        _ claim: GroupMemberClaim,
        offset: Int64
    ) throws -> KafkaErrorCode {
        let code = Lock<KafkaErrorCode?>(nil)
        let value = CommittedOffset(offset: Offset(offset), commitTime: time.wallTime())
        broker.commitOffsets(
            group: "g",
            claim,
            [TopicPartition("t", PartitionIndex(0)): value],
            hasMemberEpochs: true
        ) { result in
            code.withLock { $0 = result }
        }
        return try #require(code.withLock { $0 })
    }

    @Test func `a group goes on after a restart, and a deleted one does not come back`() throws {
        let disk = SimulatedDisk()
        let first = try open(disk)
        try first.createTopic("t", partitionCount: 2)
        #expect(try join(first, "a").code == .none)
        #expect(try join(first, "b").code == .none)
        let claim = GroupMemberClaim(memberID: "a", generation: 2)
        #expect(try commit(first, claim, offset: 5) == .none)
        #expect(
            try commit(first, GroupMemberClaim(memberID: "a", generation: 1), offset: 6)
                == .staleMemberEpoch
        )
        let before = try first.describeConsumerGroup("g")
        try first.close()

        let second = try open(disk)
        #expect(try second.describeConsumerGroup("g") == before)
        #expect(try beat(second, "a", 2).code == .none)
        #expect(try beat(second, "a", 5).code == .fencedMemberEpoch)
        #expect(second.deleteGroups(["g"]) == [.nonEmptyGroup])
        #expect(try second.subscription(of: "g") == .topics(["t"]))
        time.advance(milliseconds: 45_000)
        second.expireGroups()
        #expect(try beat(second, "a", 2).code == .unknownMemberID)
        #expect(second.listGroups().map(\.state) == ["Empty"])
        try second.close()

        let third = try open(disk)
        #expect(try third.describeConsumerGroup("g")?.members == [])
        #expect(third.deleteGroups(["g"]) == [.none])
        try third.close()

        let fourth = try open(disk)
        #expect(try fourth.describeGroup("g") == nil)
        #expect(try beat(fourth, "a", 2).code == .groupIDNotFound)
        try fourth.close()
    }

    @Test func `an id is of one kind at a time, and changes it while nobody is there`() throws {
        let disk = SimulatedDisk()
        let broker = try open(disk)
        try broker.createTopic("t", partitionCount: 1)
        let classic = try joinClassic(broker)
        #expect(classic.code == .none)
        #expect(try join(broker, "a").code == .groupIDNotFound)
        leaveClassic(broker, classic.memberID)
        #expect(try join(broker, "a").code == .none)
        #expect(broker.listGroups().map(\.kind) == [.consumer])
        #expect(try joinClassic(broker).code == .inconsistentGroupProtocol)
        #expect(try beat(broker, "a", -1).code == .none)
        let again = try joinClassic(broker)
        #expect(again.code == .none)
        #expect(broker.listGroups().map(\.kind) == [.classic])
        leaveClassic(broker, again.memberID)
        #expect(try join(broker, "b").code == .none)
        try broker.close()

        let restarted = try open(disk)
        #expect(try beat(restarted, "b", 2).code == .none)
        #expect(try restarted.describeGroup("g")?.kind == .consumer)
        try restarted.close()
    }

    @Test func `positions outlive the kind of their group`() throws {
        let broker = try open(SimulatedDisk())
        try broker.createTopic("t", partitionCount: 1)
        let name = TopicPartition("t", PartitionIndex(0))
        #expect(
            try commit(broker, GroupMemberClaim(memberID: "", generation: -1), offset: 3) == .none
        )
        #expect(try join(broker, "a").code == .none)
        #expect(
            try commit(broker, GroupMemberClaim(memberID: "", generation: -1), offset: 4)
                == .unknownMemberID
        )
        let found = try broker.committedOffsets(
            group: "g",
            partitions: [name],
            requireStable: true
        )
        guard case .committed(let value) = found[name] else {
            Issue.record("no position")
            return
        }
        #expect(value.offset == Offset(3))
        #expect(broker.checkOffsetFetch(group: "g", memberID: "a", epoch: 2) == .none)
        #expect(broker.checkOffsetFetch(group: "g", memberID: "a", epoch: 3) == .staleMemberEpoch)
        #expect(broker.checkOffsetFetch(group: "other", memberID: "a", epoch: 3) == .none)
        try broker.close()
    }

    @Test func `a topic that grows, or comes under the same name again, is shared anew`() throws {
        let broker = try open(SimulatedDisk())
        try broker.createTopic("t", partitionCount: 1)
        _ = try join(broker, "a")
        try broker.growTopic("t", to: 3)
        guard case .accepted(_, let epoch, _, let grown?) = try beat(broker, "a", 2) else {
            Issue.record("no new assignment")
            return
        }
        #expect(epoch == GroupEpoch(3))
        #expect(grown.map(\.partitions.count) == [3])
        try broker.deleteTopic("t")
        try broker.createTopic("t", partitionCount: 1)
        guard case .accepted(_, _, _, let new?) = try beat(broker, "a", 3) else {
            Issue.record("the deleted topic is still assigned")
            return
        }
        #expect(new.isEmpty)
        try broker.close()
    }
}
