import LogModel
import Testing

@testable import Coordination

@Suite struct ConsumerGroupTests {
    private func t(_ indexes: Int32...) -> [AssignedPartition] {
        indexes.map { AssignedPartition(ConsumerGroupHarness.id(of: "t"), PartitionIndex($0)) }
    }

    @Test func `a second member gets a partition when the first has given it up`() {
        var harness = ConsumerGroupHarness()
        let first = harness.join("a")
        #expect(first.epoch == 2)
        #expect(first.assigned == t(0, 1))
        let second = harness.join("b")
        #expect(second.epoch == 3)
        #expect(second.assigned == [])
        // The first is told, and keeps its epoch until it has let go.
        #expect(harness.beat("a", 2, owning: t(0, 1)).assigned == t(0))
        #expect(harness.beat("b", 3).assigned == nil)
        #expect(harness.beat("a", 2, owning: t(0, 1)).epoch == 2)
        #expect(harness.group.stateName == "Reconciling")
        let released = harness.beat("a", 2, owning: t(0))
        #expect(released.epoch == 3)
        #expect(released.assigned == nil)
        #expect(harness.beat("b", 3).assigned == t(1))
        #expect(harness.group.stateName == "Stable")
    }

    @Test func `a member that leaves or is silent too long gives its partitions to the others`() {
        var harness = ConsumerGroupHarness()
        harness.join("a")
        harness.join("b")
        harness.beat("a", 2, owning: t(0))
        harness.beat("b", 3)
        #expect(harness.beat("b", -1).epoch == -1)
        #expect(harness.beat("b", 3).code == .unknownMemberID)
        let grown = harness.beat("a", 3)
        #expect(grown.epoch == 4)
        #expect(grown.assigned == t(0, 1))
        harness.pass(44_999)
        #expect(harness.beat("a", 4).code == .none)
        harness.pass(45_000)
        #expect(harness.beat("a", 4).code == .unknownMemberID)
        #expect(harness.group.stateName == "Empty")
    }

    @Test func `a member that does not give up what it is told to is put out in time`() {
        var harness = ConsumerGroupHarness()
        harness.join("a")
        harness.join("b")
        harness.beat("a", 2, owning: t(0, 1))
        harness.pass(4_999)
        #expect(harness.beat("a", 2, owning: t(0, 1)).epoch == 2)
        harness.pass(1)
        #expect(harness.beat("a", 2, owning: t(0, 1)).code == .unknownMemberID)
        #expect(harness.beat("b", 3).assigned == t(0, 1))
    }

    /// KAFKA-19431.
    @Test func `a member that gives up something gives up what it does not want any more too`() {
        var harness = ConsumerGroupHarness(topics: ["t": 2, "u": 2])
        let u = ConsumerGroupHarness.partitions
        harness.join("a", ["t", "u"])
        harness.join("b", ["t", "u"])
        let told = harness.beat("a", 2, owning: t(0, 1) + u("u", 0, 1)).assigned ?? []
        #expect(told.count == 2)
        let other = told.contains { t(0, 1).contains($0) } ? "t" : "u"
        let all = t(0, 1) + u("u", 0, 1)
        // It has given up nothing yet.
        let changed = harness.subscribe("a", 2, ["none", other == "t" ? "u" : "t"], owning: all)
        #expect(changed.epoch == 2)
        let left = changed.assigned ?? told
        #expect(left.allSatisfy { $0.topicID != ConsumerGroupHarness.id(of: other) })
        #expect(harness.beat("b", 3).code == .none)
        #expect(harness.beat("a", 2, owning: left).epoch == 4)
    }

    @Test func `an epoch of another time is fenced, but not when only the answer was lost`() {
        var harness = ConsumerGroupHarness()
        harness.join("a")
        harness.join("b")
        harness.beat("a", 2, owning: t(0, 1))
        #expect(harness.beat("a", 2, owning: t(0)).epoch == 3)
        #expect(harness.beat("a", 2, owning: t(0)).epoch == 3)
        #expect(harness.beat("a", 2, owning: t(0, 1)).code == .fencedMemberEpoch)
        #expect(harness.beat("a", 2).code == .fencedMemberEpoch)
        #expect(harness.beat("a", 9).code == .fencedMemberEpoch)
        #expect(harness.beat("nobody", 3).code == .unknownMemberID)
    }

    @Test func `a static member finds what it had under another id`() {
        var harness = ConsumerGroupHarness()
        #expect(harness.join("a", instance: "i").epoch == 2)
        #expect(harness.join("b", instance: "i").code == .unreleasedInstanceID)
        #expect(harness.join("a", instance: "i").assigned == t(0, 1))
        #expect(harness.beat("a", -2, instance: "i").epoch == -2)
        harness.join("other")
        let back = harness.join("b", instance: "i")
        // What it is to have was shared anew meanwhile; what it gives up it does not have.
        #expect(back.epoch == 3)
        #expect(back.assigned?.count == 1)
        #expect(harness.beat("a", 2).code == .unknownMemberID)
        #expect(harness.beat("a", -1, instance: "i").code == .fencedInstanceID)
        #expect(harness.beat("b", 3, instance: "no").code == .unknownMemberID)
        #expect(harness.beat("b", -1, instance: "i").epoch == -1)
    }

    @Test func `a static member that does not come back is put out`() {
        var harness = ConsumerGroupHarness()
        harness.join("a", instance: "i")
        harness.beat("a", -2, instance: "i")
        harness.pass(45_000)
        #expect(harness.group.isEmpty)
        #expect(harness.join("b", instance: "i").assigned == t(0, 1))
    }

    @Test func `topics that come, grow and go raise the epoch`() {
        var harness = ConsumerGroupHarness(topics: [:])
        #expect(harness.join("a", ["t"]).epoch == 2)
        #expect(harness.beat("a", 2).epoch == 2)
        harness.setTopic("t", 1)
        #expect(harness.beat("a", 2).assigned == t(0))
        harness.setTopic("unrelated", 1)
        #expect(harness.beat("a", 3).epoch == 3)
        harness.setTopic("t", 3)
        #expect(harness.beat("a", 3).assigned == t(0, 1, 2))
        harness.setTopic("t", nil)
        let gone = harness.beat("a", 4, owning: t(0, 1, 2))
        #expect(gone.assigned == [])
        #expect(harness.beat("a", 4, owning: []).epoch == 5)
    }

    @Test func `a pattern takes in topics as they come`() {
        var harness = ConsumerGroupHarness(topics: ["t": 1, "other": 1])
        #expect(harness.join("a", nil, pattern: "t.*").assigned == t(0))
        harness.setTopic("t2", 1)
        #expect(harness.beat("a", 2).assigned?.count == 2)
        #expect(harness.join("b", nil, pattern: "[").code == .invalidRegularExpression)
        #expect(harness.group.members["b"] == nil)
    }

    @Test func `requests that make no sense are refused, whatever the group is`() {
        var harness = ConsumerGroupHarness()
        #expect(harness.join("").code == .invalidRequest)
        #expect(harness.join("a", nil).code == .invalidRequest)
        #expect(harness.join("a", assignor: "nonsense").code == .unsupportedAssignor)
        #expect(harness.beat("a", -2).code == .invalidRequest)
        #expect(harness.beat("a", -3).code == .invalidRequest)
        #expect(harness.beat("a", 0).code == .invalidRequest)
        #expect(harness.join("a", instance: "").code == .invalidRequest)
        #expect(harness.group.isEmpty)
    }

    @Test func `a full group takes nobody in`() {
        var harness = ConsumerGroupHarness(memberLimit: 1)
        harness.join("a")
        #expect(harness.join("b").code == .groupMaxSizeReached)
        #expect(harness.join("a").code == .none)
    }

    @Test func `a restart keeps members, epochs and what each holds`() throws {
        var harness = ConsumerGroupHarness()
        harness.join("a", instance: "i", assignor: "range")
        harness.join("b")
        harness.beat("a", 2, owning: t(0, 1))
        let before = harness.group.description
        try harness.restart()
        #expect(harness.group.description == before)
        // What was to be given up is still waited for.
        #expect(harness.beat("b", 3).assigned == nil)
        harness.beat("a", 2, owning: t(0))
        #expect(harness.beat("b", 3).assigned == t(1))
        try harness.restart()
        #expect(harness.group.stateName == "Stable")
        // Nobody has to be heard of sooner than a session from here.
        harness.pass(44_999)
        #expect(harness.group.members.count == 2)
    }

    @Test func `topics that changed while nobody ran are seen`() throws {
        var harness = ConsumerGroupHarness()
        harness.join("a")
        harness.setTopic("t", 3)
        try harness.restart()
        #expect(harness.beat("a", 2).assigned == t(0, 1, 2))
    }

    @Test func `records that could not be written come with the next ones`() throws {
        var harness = ConsumerGroupHarness()
        harness.join("a")
        let lost = harness.records
        harness.records = []
        harness.group.storingFailed(lost)
        harness.beat("a", 2)
        #expect(harness.records.count == lost.count)
        try harness.restart()
        #expect(harness.beat("a", 2).code == .none)
    }

    @Test func `an older commit counts for partitions that were given before it`() {
        var harness = ConsumerGroupHarness()
        harness.join("a")
        harness.join("b")
        harness.beat("a", 2, owning: t(0))
        harness.beat("b", 3)
        func commit(
            _ id: String,
            _ epoch: Int32,
            _ partitions: [AssignedPartition],
            inTransaction: Bool = false,
            hasMemberEpochs: Bool = true
        ) -> KafkaErrorCode {
            harness.group.commit(
                GroupMemberClaim(memberID: id, generation: epoch),
                of: partitions,
                isTransactional: inTransaction,
                hasMemberEpochs: hasMemberEpochs
            )
        }
        #expect(commit("a", 3, t(0)) == .none)
        #expect(commit("a", 2, t(0)) == .none)
        #expect(commit("a", 2, t(0, 1)) == .staleMemberEpoch)
        #expect(commit("a", 1, t(0)) == .staleMemberEpoch)
        #expect(commit("a", 4, t(0)) == .staleMemberEpoch)
        #expect(commit("a", 4, t(0), inTransaction: true) == .illegalGeneration)
        #expect(commit("b", 2, t(1)) == .staleMemberEpoch)
        #expect(commit("b", 3, t(1), hasMemberEpochs: false) == .unsupportedVersion)
        #expect(commit("", -1, t(0)) == .unknownMemberID)
        #expect(commit("", -1, t(0), inTransaction: true) == .none)
        #expect(commit("c", 3, t(0)) == .unknownMemberID)
        #expect(harness.group.checkFetch(memberID: nil, epoch: -1) == .none)
        #expect(harness.group.checkFetch(memberID: "a", epoch: 3) == .none)
        #expect(harness.group.checkFetch(memberID: "a", epoch: 2) == .staleMemberEpoch)
        #expect(harness.group.checkFetch(memberID: "c", epoch: 3) == .unknownMemberID)
    }
}
