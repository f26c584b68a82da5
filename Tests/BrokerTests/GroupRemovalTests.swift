import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import MillraceTestKit
import Testing
import Threads

/// Groups and positions that are taken away while others come.
@Suite struct GroupRemovalTests {
    private let input = TopicPartition("in", PartitionIndex(0))

    private func open() throws -> HookedLog {
        var configuration = BrokerConfiguration.simulated
        configuration.groups.initialRebalanceDelayMilliseconds = 0
        let log = try HookedLog(configuration)
        try log.broker.createTopic("in", partitionCount: 1)
        return log
    }

    private func position(_ offset: Int64) -> [TopicPartition: CommittedOffset] {
        [input: CommittedOffset(offset: Offset(offset), commitTime: Timestamp(1))]
    }

    private func offset(_ broker: Broker, _ group: String = "g") throws -> Int64? {
        let answers = try broker.committedOffsets(
            group: group,
            partitions: [input],
            requireStable: false,
            isOwn: false
        )
        guard case .committed(let found)? = answers[input] else { return nil }
        return found.offset.rawValue
    }

    /// A member that joins, is assigned, and commits, each as soon as it may.
    private func joinAndCommit(
        _ broker: Broker,
        _ offset: Int64,
        _ committed: @escaping @Sendable (KafkaErrorCode) -> Void
    ) {
        let position = position(offset)
        broker.joinGroup("g", .consumer()) { joined in
            let claim = GroupMemberClaim(memberID: joined.memberID, generation: joined.generation)
            broker.syncGroup("g", GroupSync(member: claim)) { _ in
                broker.commitOffsets(
                    group: "g",
                    claim,
                    position,
                    hasMemberEpochs: false,
                    answer: committed
                )
            }
        }
    }

    @Test func `a position that is committed behind the deletion of its group stays`() throws {
        let log = try open()
        let (broker, disk) = (log.broker, log.disk)
        try broker.commitOffsets(group: "g", position(1))
        let code = Lock<KafkaErrorCode?>(nil)
        disk.onFileOperation { operation, path in
            guard operation == .sync, path.hasSuffix(".journal") else { return nil }
            disk.onFileOperation(nil)
            // The group is gone, and this is not durable yet.
            self.joinAndCommit(broker, 77) { answer in code.withLock { $0 = answer } }
            return nil
        }
        #expect(broker.deleteGroups(["g"]) == [.none])
        #expect(code.withLock { $0 } == KafkaErrorCode.none)
        #expect(try offset(broker) == 77)
        let next = try log.killed()
        #expect(try offset(next.broker) == 77)
        #expect(try next.broker.describeGroup("g")?.members.count == 1)
    }

    @Test func `a position that is committed in front of the deletion of its group goes`() throws {
        let log = try open()
        let (broker, disk) = (log.broker, log.disk)
        let position = position(5)
        let codes = Lock<[KafkaErrorCode]>([])
        // A group that is empty, which members have left.
        broker.joinGroup("g", .consumer()) { joined in
            broker.leaveGroup("g", [(memberID: joined.memberID, instanceID: nil)]) { _, _ in }
        }
        let claim = GroupMemberClaim(memberID: "", generation: -1)
        @Sendable func commit(_ group: String) {
            broker.commitOffsets(group: group, claim, position, hasMemberEpochs: false) { code in
                codes.withLock { $0.append(code) }
            }
        }
        let deletion = Lock<OwnedThread?>(nil)
        disk.onFileOperation { operation, path in
            guard operation == .sync, path.hasSuffix(".journal") else { return nil }
            disk.onFileOperation(nil)
            // Both wait for the first one's flush, and are written in one round.
            commit("g")
            let thread = OwnedThread {
                let deleted = broker.deleteGroups(["g"])
                codes.withLock { $0 += deleted }
            }
            deletion.withLock { $0 = thread }
            while (try? broker.describeGroup("g"))?.protocolType == "consumer" {}
            return nil
        }
        commit("first")
        deletion.withLock { $0 }?.join()
        #expect(codes.withLock { $0 } == [.none, .none, .none])
        #expect(try offset(broker) == nil)
        #expect(try offset(broker, "first") == 5)
        #expect(try offset(log.killed().broker) == nil)
    }

    @Test func `many groups are deleted with the flush of one`() throws {
        let log = try open()
        let groups = (0..<50).map { "g\($0)" }
        for group in groups { try log.broker.commitOffsets(group: group, position(1)) }
        try log.broker.commitOffsets(group: "first", position(1))
        let flushes = Lock(0)
        log.disk.onFileOperation { operation, path in
            if operation == .sync, path.hasSuffix(".journal") { flushes.withLock { $0 += 1 } }
            return nil
        }
        #expect(log.broker.deleteGroups(["first"]) == [.none])
        let ofOne = flushes.withLock { $0 }
        let codes = log.broker.deleteGroups(groups + ["none"])
        #expect(codes == groups.map { _ in .none } + [.groupIDNotFound])
        #expect(flushes.withLock { $0 } <= 2 * ofOne)
        #expect(log.broker.groups().isEmpty)
        #expect(try log.killed().broker.groups().isEmpty)
    }

    @Test func `a position that is in an open transaction goes with its group`() throws {
        let log = try open()
        let producer = try log.client.makeTransactionalProducer(
            transactionalID: "other-0",
            transactionTimeout: .seconds(60)
        )
        try producer.addOffset(7, of: "in", group: "g")
        #expect(log.broker.deleteGroups(["g"]) == [.none])
        try producer.commit()
        #expect(try offset(log.broker) == nil)
        #expect(try offset(log.killed().broker) == nil)
    }

    @Test func `a position of a topic that is read stays where it is to be removed`() throws {
        let log = try open()
        let broker = log.broker
        try broker.createTopic("other", partitionCount: 1)
        let other = TopicPartition("other", PartitionIndex(0))
        #expect(try broker.deleteOffsets(of: "g", [input]) == .refused(.groupIDNotFound))
        var positions = position(1)
        positions[other] = positions[input]
        try broker.commitOffsets(group: "g", positions)
        // Version 0, one topic, no words of the member's own.
        let subscription: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 2] + Array("in".utf8) + [0, 0, 0, 0]
        broker.joinGroup("g", .consumer(subscription)) { _ in }
        let deleted = try broker.deleteOffsets(of: "g", [input, other])
        #expect(deleted == .done(subscribed: .topics(["in"])))
        #expect(try offset(broker) == 1)
        let left = try broker.committedOffsets(
            group: "g",
            partitions: nil,
            requireStable: false,
            isOwn: false
        )
        #expect(Array(left.keys) == [input])
    }
}
