import Coordination
import LogModel
import Testing

@Suite struct ClassicGroupTests {
    @Test func `a new member is given an id first and joins with it`() {
        var harness = ClassicGroupHarness()
        let first = harness.join()
        #expect(harness.joins[first]?.code == .memberIDRequired)
        #expect(harness.joins[first]?.memberID == "c-1")
        #expect(harness.state == "Empty")
        let second = harness.join("c-1")
        let answer = harness.joins[second]
        #expect(answer?.code == KafkaErrorCode.none)
        #expect(answer?.generation == 1)
        #expect(answer?.leader == "c-1")
        #expect(answer?.members.map(\.id) == ["c-1"])
        #expect(harness.state == "CompletingRebalance")
    }

    @Test func `an id that was not given is refused, and so is a gone one`() {
        var harness = ClassicGroupHarness()
        let stranger = harness.join("c-9")
        #expect(harness.joins[stranger]?.code == .unknownMemberID)
        harness.join()
        harness.pass(10_001)
        let late = harness.join("c-2")
        #expect(harness.joins[late]?.code == .unknownMemberID)
        #expect(harness.state == "Empty")
    }

    @Test func `a member that is gone has no id, and what waited of one that joins anew is over`() {
        var harness = ClassicGroupHarness()
        let (first, _) = harness.newMember()
        harness.sync(first)
        let (gone, waiting) = harness.newMember()
        #expect(harness.leave((gone, nil)) == [.none])
        #expect(harness.joins[waiting]?.code == .unknownMemberID)
        #expect(harness.joins[waiting]?.memberID == "")
        let (second, _) = harness.newMember()
        harness.join(first)
        let parked = harness.sync(second)
        #expect(harness.syncs[parked] == nil)
        harness.join(second, metadata: [9])
        #expect(harness.syncs[parked]?.code == .rebalanceInProgress)
    }

    @Test func `a second member waits for the first to join again, then both for the leader`() {
        var harness = ClassicGroupHarness()
        let (first, _) = harness.newMember()
        harness.sync(first, [first: [7]])
        let (second, waiting) = harness.newMember(metadata: [2])
        #expect(harness.joins[waiting] == nil)
        #expect(harness.heartbeat(first) == .rebalanceInProgress)
        #expect(harness.commit(first) == .none)
        let again = harness.join(first)
        #expect(harness.joins[again]?.members.map(\.metadata) == [[1], [2]])
        #expect(harness.joins[waiting]?.members.isEmpty == true)
        #expect(harness.joins[waiting]?.generation == 2)
        #expect(harness.commit(first) == .rebalanceInProgress)
        #expect(harness.commit(first, isTransactional: true) == .none)
        let follower = harness.sync(second)
        #expect(harness.syncs[follower] == nil)
        let leader = harness.sync(first, [first: [1], second: [2]])
        #expect(harness.syncs[leader]?.assignment == [1])
        #expect(harness.syncs[follower]?.assignment == [2])
        #expect(harness.state == "Stable")
        #expect(harness.records.last?.value?.members.map(\.assignment) == [[1], [2]])
    }

    @Test func `a member that is silent beyond its session is left out`() {
        var harness = ClassicGroupHarness()
        let (first, _) = harness.newMember()
        harness.sync(first)
        harness.pass(9_000)
        #expect(harness.heartbeat(first) == .none)
        harness.pass(9_999)
        #expect(harness.state == "Stable")
        harness.pass(1)
        #expect(harness.state == "Empty")
        #expect(harness.heartbeat(first) == .unknownMemberID)
        #expect(harness.records.last?.value?.members.isEmpty == true)
        #expect(harness.records.last?.value?.generation == 2)
    }

    @Test func `who does not join in time is left out, and the rest goes on`() {
        var harness = ClassicGroupHarness()
        let (first, _) = harness.newMember()
        harness.sync(first)
        let (second, waiting) = harness.newMember()
        harness.pass(5_000)
        #expect(harness.joins[waiting]?.leader == second)
        #expect(harness.joins[waiting]?.members.map(\.id) == [second])
        #expect(harness.heartbeat(first) == .unknownMemberID)
    }

    @Test func `who does not ask for its assignment in time is left out`() {
        var harness = ClassicGroupHarness()
        let (first, _) = harness.newMember()
        harness.sync(first)
        let (second, _) = harness.newMember()
        harness.join(first)
        harness.sync(first, [first: [1], second: [2]])
        harness.pass(4_000)
        #expect(harness.heartbeat(first) == .none)
        #expect(harness.heartbeat(second) == .none)
        harness.pass(1_000)
        #expect(harness.heartbeat(second) == .unknownMemberID)
        #expect(harness.heartbeat(first) == .rebalanceInProgress)
    }

    @Test func `the first rebalance waits for others, longer each time one comes`() {
        var harness = ClassicGroupHarness(initialDelay: 3_000)
        let (first, request) = harness.newMember()
        harness.pass(2_000)
        let (second, other) = harness.newMember()
        harness.pass(1_000)
        #expect(harness.joins[request] == nil)
        harness.pass(2_000)
        #expect(harness.joins[request]?.members.map(\.id) == [first, second])
        #expect(harness.joins[other]?.generation == 1)
    }

    @Test func `a static member takes its old place under a new id without a rebalance`() {
        var harness = ClassicGroupHarness()
        let first = harness.join(instance: "i")
        let old = harness.joins[first]?.memberID ?? ""
        harness.sync(old, instance: "i", [old: [5]])
        let again = harness.join(instance: "i")
        let answer = harness.joins[again]
        #expect(answer?.generation == 1)
        #expect(answer?.skipsAssignment == true)
        #expect(answer?.leader == answer?.memberID)
        #expect(harness.heartbeat(old, instance: "i") == .fencedInstanceID)
        #expect(harness.heartbeat(old) == .unknownMemberID)
        let sync = harness.sync(answer?.memberID ?? "", instance: "i")
        #expect(harness.syncs[sync]?.assignment == [5])
        let zombie = harness.join(old, instance: "i")
        #expect(harness.joins[zombie]?.code == .fencedInstanceID)
    }

    @Test func `an old client's static leader is not asked to assign again`() {
        var harness = ClassicGroupHarness()
        let first = harness.join(instance: "i", isOld: true)
        let old = harness.joins[first]?.memberID ?? ""
        harness.sync(old, instance: "i", [old: [5]])
        let again = harness.join(instance: "i", isOld: true)
        #expect(harness.joins[again]?.leader == old)
        #expect(harness.joins[again]?.members.isEmpty == true)
    }

    @Test func `a static member that waits is fenced by its next incarnation`() {
        var harness = ClassicGroupHarness()
        let (first, _) = harness.newMember()
        harness.sync(first)
        let waiting = harness.join(instance: "i")
        harness.join(instance: "i")
        #expect(harness.joins[waiting]?.code == .fencedInstanceID)
    }

    @Test func `members leave in a batch, with an answer for each`() {
        var harness = ClassicGroupHarness()
        let first = harness.join(instance: "i")
        let id = harness.joins[first]?.memberID ?? ""
        harness.sync(id, instance: "i")
        #expect(
            harness.leave(("", "j"), ("wrong", "i"), ("", "i"), ("", "i"))
                == [.unknownMemberID, .fencedInstanceID, .none, .unknownMemberID]
        )
        #expect(harness.state == "Empty")
        #expect(harness.group.description.protocolType == "consumer")
    }

    @Test func `the leader's join begins a generation, a follower's only what has changed`() {
        var harness = ClassicGroupHarness()
        let (first, _) = harness.newMember()
        harness.sync(first)
        let (second, _) = harness.newMember()
        harness.join(first)
        harness.sync(first)
        harness.sync(second)
        let same = harness.join(second)
        #expect(harness.joins[same]?.generation == 2)
        let changed = harness.join(second, metadata: [9])
        #expect(harness.joins[changed] == nil)
        harness.join(first)
        #expect(harness.joins[changed]?.generation == 3)
    }

    @Test func `protocols that do not fit are refused, most votes win`() {
        var harness = ClassicGroupHarness()
        let first = harness.join(protocols: ["a", "b"], isOld: true)
        let id = harness.joins[first]?.memberID ?? ""
        harness.sync(id)
        for refused in [
            harness.join(type: "connect"), harness.join(protocols: ["c"]),
            harness.join(protocols: []), harness.join(type: ""),
        ] {
            #expect(harness.joins[refused]?.code == .inconsistentGroupProtocol)
        }
        let second = harness.join(protocols: ["b"], isOld: true)
        harness.join(id, protocols: ["a", "b"])
        #expect(harness.joins[second]?.protocolName == "b")
        let sync = harness.sync(id, protocolName: "a")
        #expect(harness.syncs[sync]?.code == .inconsistentGroupProtocol)
    }

    @Test func `sessions out of bounds and members above the limit are refused`() {
        var harness = ClassicGroupHarness(memberLimit: 1)
        for session in [Int32(5_999), 1_800_001, .min] {
            let refused = harness.join(session: session)
            #expect(harness.joins[refused]?.code == .invalidSessionTimeout)
        }
        let (first, _) = harness.newMember()
        harness.sync(first)
        let refused = harness.join()
        #expect(harness.joins[refused]?.code == .groupMaxSizeReached)
    }

    @Test func `commits are fenced by member and generation`() {
        var harness = ClassicGroupHarness()
        #expect(harness.commit("", generation: -1) == .none)
        let (first, _) = harness.newMember()
        harness.sync(first)
        #expect(harness.commit("", generation: -1) == .unknownMemberID)
        #expect(harness.commit("", generation: -1, isTransactional: true) == .none)
        #expect(harness.commit(first, generation: 0) == .illegalGeneration)
        #expect(harness.commit("nobody") == .unknownMemberID)
        #expect(harness.commit(first) == .none)
    }

    @Test func `a restart goes on with the stored generation`() throws {
        var harness = ClassicGroupHarness()
        let (first, _) = harness.newMember()
        harness.sync(first, [first: [3]])
        let stored = try #require(harness.records.last)
        let (key, value) = try stored.encoded()
        let read = try key.withUnsafeBytes { key in
            try #require(value).withUnsafeBytes { value in
                try GroupRecord(key: key, value: value)
            }
        }
        #expect(read == stored)
        harness.group = ClassicGroup(
            id: "g",
            settings: GroupSettings(),
            restoring: try #require(read?.value),
            now: harness.now
        )
        #expect(harness.heartbeat(first) == .none)
        let sync = harness.sync(first)
        #expect(harness.syncs[sync]?.assignment == [3])
        harness.pass(10_000)
        #expect(harness.state == "Empty")
    }
}
