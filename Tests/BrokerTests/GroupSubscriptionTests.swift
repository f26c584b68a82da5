import Broker
import Coordination
import LogModel
import MillraceTestKit
import Testing
import Threads

/// What members of a classic group say that they read, which OffsetDelete asks for.
@Suite struct GroupSubscriptionTests {
    private func subscription(_ metadata: [UInt8]) throws -> GroupSubscription {
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.groups.initialRebalanceDelayMilliseconds = 0
        let broker = try Broker.open(
            disk: SimulatedDisk(),
            directory: "/data",
            configuration: configuration,
            time: ManualTimeSource()
        )
        let code = Lock<KafkaErrorCode?>(nil)
        broker.joinGroup("g", .consumer(metadata)) { result in
            code.withLock { $0 = result.code }
        }
        #expect(code.withLock { $0 } == KafkaErrorCode.none)
        let found = try broker.subscription(of: "g")
        try broker.close()
        return found
    }

    /// The topic `fz`, without data of a user's.
    private static let topics: [UInt8] = [0, 0, 0, 1, 0, 2, 0x66, 0x7a, 0, 0, 0, 0]

    @Test(
        arguments: [
            // kafka-go says that it has version 1, and leaves its field out.
            [0, 1], [0, 0], [0, 3], [0, 9],
        ] as [[UInt8]]
    )
    func `the topics are read, whatever comes behind them`(version: [UInt8]) throws {
        #expect(try subscription(version + Self.topics) == .topics(["fz"]))
    }

    @Test(arguments: [[], [0x78], [0x78, 0x78], [0, 1, 0, 0, 0, 9]] as [[UInt8]])
    func `of bytes that are none nobody knows which topics are not read`(
        metadata: [UInt8]
    ) throws {
        let found = try subscription(metadata)
        #expect(found == .unreadable)
        #expect(found.contains("any"))
    }

    @Test func `who commits into a group without members has to be a member`() throws {
        let broker = try Broker.open(
            disk: SimulatedDisk(),
            directory: "/data",
            configuration: BrokerConfiguration(execution: .inline),
            time: ManualTimeSource()
        )
        try broker.createTopic("t", partitionCount: 1)
        let partition = TopicPartition("t", PartitionIndex(0))
        func commit(_ claim: GroupMemberClaim, hasMemberEpochs: Bool) -> KafkaErrorCode? {
            let code = Lock<KafkaErrorCode?>(nil)
            let value = CommittedOffset(offset: Offset(5), commitTime: broker.clock.wallTime())
            broker.commitOffsets(
                group: "g",
                claim,
                [partition: value],
                hasMemberEpochs: hasMemberEpochs
            ) { result in code.withLock { $0 = result } }
            return code.withLock { $0 }
        }
        let member = GroupMemberClaim(memberID: "zz", generation: 3)
        #expect(commit(member, hasMemberEpochs: false) == .illegalGeneration)
        #expect(commit(member, hasMemberEpochs: true) == .groupIDNotFound)
        func check() -> KafkaErrorCode {
            broker.checkTransactionalCommit(group: "g", member, of: [partition])
        }
        #expect(check() == .illegalGeneration)
        #expect(
            commit(GroupMemberClaim(memberID: "", generation: -1), hasMemberEpochs: false)
                == KafkaErrorCode.none
        )
        #expect(check() == .unknownMemberID)
        try broker.close()
    }
}
