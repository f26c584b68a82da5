import Broker
import Coordination
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

/// Groups whose records are written in one round.
@Suite struct GroupRoundTests {
    /// What is told later.
    private final class Held<Value: Sendable>: Sendable {
        let value = Lock<Value?>(nil)
        var told: Value? { value.withLock { $0 } }
    }

    private func join(
        _ broker: Broker,
        _ group: String,
        metadata: [UInt8],
        requiresKnownMember: Bool = false,
        thenSyncs: Bool = false
    ) -> Held<JoinAnswer> {
        let answer = Held<JoinAnswer>()
        broker.joinGroup(group, .consumer(metadata, requiresKnownMember: requiresKnownMember)) {
            result in
            answer.value.withLock { $0 = result }
            if thenSyncs { _ = self.sync(broker, group, result) }
        }
        return answer
    }

    private func sync(_ broker: Broker, _ group: String, _ member: JoinAnswer) -> KafkaErrorCode? {
        let code = Lock<KafkaErrorCode?>(nil)
        let claim = GroupMemberClaim(memberID: member.memberID, generation: member.generation)
        broker.syncGroup(
            group,
            GroupSync(
                member: claim,
                assignments: [member.memberID: [UInt8](repeating: 7, count: 9)]
            )
        ) { result in code.withLock { $0 = result.code } }
        return code.withLock { $0 }
    }

    private func open(_ disk: any Disk) throws -> Broker {
        var configuration = BrokerConfiguration.simulated
        configuration.groups.initialRebalanceDelayMilliseconds = 0
        return try Broker.open(
            disk: disk,
            directory: "/data",
            configuration: configuration,
            time: ManualTimeSource()
        )
    }

    @Test func `a group that is too large to be written keeps no other from it`() throws {
        let disk = HookedDisk()
        let broker = try open(disk)
        // Both wait behind a first one's flush, and are written in one round.
        let others = Lock<[Held<JoinAnswer>]>([])
        let large = [UInt8](repeating: 1, count: 2 << 20)
        let first = join(broker, "first", metadata: [1])
        let member = try #require(first.told)
        disk.onFileOperation { operation, path in
            guard operation == .sync, path.hasSuffix(".journal") else { return nil }
            disk.onFileOperation(nil)
            let large = self.join(broker, "large", metadata: large, thenSyncs: true)
            let small = self.join(broker, "small", metadata: [2], thenSyncs: true)
            others.withLock { $0 = [large, small] }
            return nil
        }
        #expect(sync(broker, "first", member) == KafkaErrorCode.none)
        let joined = others.withLock { $0.compactMap { $0.told?.code } }
        #expect(joined == [KafkaErrorCode.none, KafkaErrorCode.none])
        #expect(try broker.describeGroup("first")?.state == "Stable")
        #expect(try broker.describeGroup("small")?.state == "Stable")
        #expect(try broker.describeGroup("large")?.state != "Stable")
        try broker.close()
        let next = try open(disk)
        #expect(try next.describeGroup("small")?.state == "Stable")
    }

    @Test func `of a member that never came back nothing is left`() throws {
        let broker = try open(SimulatedDisk())
        let asked = join(broker, "g", metadata: [1], requiresKnownMember: true)
        let id = try #require(asked.told).memberID
        let codes = Lock<[KafkaErrorCode]>([])
        broker.leaveGroup("g", [(memberID: id, instanceID: nil)]) { _, answer in
            codes.withLock { $0 = answer }
        }
        #expect(codes.withLock { $0 } == [KafkaErrorCode.none])
        #expect(try broker.describeGroup("g") == nil)
    }
}
