import Broker
import Coordination
import LogModel
import MillraceTestKit
import Testing
import Threads

@Suite struct GroupRestartTests {
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

    private func join(_ broker: Broker) throws -> JoinAnswer {
        let answer = Lock<JoinAnswer?>(nil)
        broker.joinGroup("g", .consumer()) { result in answer.withLock { $0 = result } }
        return try #require(answer.withLock { $0 })
    }

    private func heartbeat(_ broker: Broker, _ claim: GroupMemberClaim) -> KafkaErrorCode? {
        let code = Lock<KafkaErrorCode?>(nil)
        broker.heartbeat(group: "g", claim) { result in code.withLock { $0 = result } }
        return code.withLock { $0 }
    }

    @Test func `a group goes on after a restart, and a deleted one does not come back`() throws {
        let disk = SimulatedDisk()
        let first = try open(disk)
        let member = try join(first)
        let claim = GroupMemberClaim(memberID: member.memberID, generation: member.generation)
        let sync = GroupSync(member: claim, assignments: [member.memberID: [7]])
        let assignment = Lock<[UInt8]>([])
        first.syncGroup("g", sync) { result in assignment.withLock { $0 = result.assignment } }
        #expect(assignment.withLock { $0 } == [7])
        try first.close()

        let second = try open(disk)
        #expect(try second.describeGroup("g")?.state == "Stable")
        #expect(heartbeat(second, claim) == KafkaErrorCode.none)
        #expect(second.deleteGroups(["g"]) == [.nonEmptyGroup])
        time.advance(milliseconds: 10_000)
        second.expireGroups()
        #expect(heartbeat(second, claim) == .unknownMemberID)
        #expect(second.deleteGroups(["g"]) == [.none])
        try second.close()

        let third = try open(disk)
        #expect(try third.describeGroup("g") == nil)
        try third.close()
    }
}
