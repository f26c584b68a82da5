import LogModel
import Testing

@testable import LogStorage

/// What is to be done with a folder, value by value.
@Suite struct RecoveryPlanTests {
    private typealias File = RecoveryPlan.Found.File

    private static func place(_ offset: Int64, _ segment: Int64, _ position: Int64) -> LogPlace {
        LogPlace(offset: Offset(offset), segment: Offset(segment), position: position)
    }

    private static func file(_ base: Int64, _ byteCount: Int64, _ hasCaches: Bool = true) -> File {
        File(base: Offset(base), byteCount: byteCount, hasCaches: hasCaches)
    }

    /// Segments 0, 10 and 20; the recovery point lies in the last one.
    private static func facts(
        recovery: LogPlace = place(25, 20, 500),
        end: LogPlace? = nil,
        logStart: Int64 = 0,
        tail: PartitionFacts.Tail = .cut
    ) -> PartitionFacts {
        var facts = PartitionFacts()
        facts.recovery.place = recovery
        facts.end = end ?? recovery
        facts.logStart = Offset(logStart)
        facts.tail = tail
        return facts
    }

    private static let files = [file(0, 1000), file(10, 1000), file(20, 500)]

    private static func plan(
        _ facts: PartitionFacts,
        _ files: [File] = files,
        snapshots: [Int64] = [25]
    ) -> RecoveryPlan {
        RecoveryPlan(
            facts,
            RecoveryPlan.Found(segments: files, snapshots: snapshots.map { Offset($0) })
        )
    }

    private static func treatments(_ plan: RecoveryPlan) -> [RecoveryPlan.Treatment] {
        plan.steps.map(\.treatment)
    }

    @Test func `where caches and a snapshot reach the recovery point only its segment is resumed`()
    {
        let plan = Self.plan(Self.facts())
        #expect(Self.treatments(plan) == [.trust, .trust, .resume])
        #expect(plan.snapshot == Offset(25) && plan.cut == nil && plan.missing == nil)
        #expect(plan.deleted.isEmpty && plan.unvouched.isEmpty)
    }

    @Test func `with relaxed durability what was flushed must be there too`() {
        let facts = Self.facts(tail: .keepWhole)
        #expect(Self.plan(facts).missing == nil)
        #expect(
            Self.plan(facts, Array(Self.files.dropLast())).missing?.contains("is missing") == true
        )
        #expect(Self.plan(facts, Array(Self.files.dropFirst())).missing != nil)
        let short = Self.files.dropLast() + [Self.file(20, 499)]
        #expect(Self.plan(facts, Array(short)).missing?.contains("were flushed") == true)
        let longer = Self.files + [Self.file(30, 100)]
        #expect(Self.plan(facts, longer).missing == nil)
        let deleted = Self.facts(logStart: 25, tail: .keepWhole)
        #expect(Self.plan(deleted, []).missing == nil)
    }

    @Test func `where the end is not known what was flushed must be there too`() {
        let facts = Self.facts(tail: .unknown("lost"))
        #expect(Self.plan(facts).missing == nil)
        #expect(Self.plan(facts, Array(Self.files.dropLast())).missing != nil)
        #expect(Self.plan(facts, []).missing != nil)
        let short = Self.files.dropLast() + [Self.file(20, 499)]
        #expect(Self.plan(facts, Array(short)).missing?.contains("499 bytes") == true)
        #expect(Self.plan(facts, Self.files + [Self.file(30, 100)]).missing == nil)
        // A group that is lost may have moved the log start.
        #expect(Self.plan(facts, Array(Self.files.dropFirst())).missing == nil)
        #expect(Self.plan(facts, [Self.file(30, 100)]).missing == nil)
        // Without a recovery point nothing is known to have been there.
        let nothing = Self.facts(recovery: .zero, tail: .unknown("lost"))
        #expect(Self.plan(nothing, []).missing == nil)
    }

    @Test func `what was acknowledged last may have gone with the log start`() {
        let facts = Self.facts(logStart: 25)
        // The segment of the end is deleted, an empty one follows where it ended.
        let after = Self.plan(facts, [Self.file(25, 0)])
        #expect(after.missing == nil && after.unvouched.isEmpty && after.cut == nil)
        #expect(after.steps.map(\.base) == [Offset(25)] && after.snapshot == Offset(25))
        // Nothing but that can follow: bytes there are of no one.
        let bytes = Self.plan(facts, [Self.file(25, 40), Self.file(26, 10)])
        #expect(bytes.missing == nil && bytes.unvouched == [Offset(26)])
        #expect(bytes.cut?.base == Offset(25) && bytes.cut?.byteCount == 0)
        // The new segment's name was lost with the power, or the old one's removal was.
        #expect(Self.plan(facts, []).missing == nil)
        let both = Self.plan(facts, [Self.file(20, 500), Self.file(25, 0)])
        #expect(both.missing == nil && both.deleted == [Offset(20)])
        let old = Self.plan(facts, [Self.file(20, 560)])
        #expect(old.missing == nil && old.cut?.byteCount == 500)
        // One record is behind the log start: then its segment must be there.
        #expect(Self.plan(Self.facts(logStart: 24), [Self.file(25, 0)]).missing != nil)
    }

    @Test func `behind the recovery point every segment is read`() {
        let files = Self.files + [Self.file(30, 70), Self.file(40, 30)]
        let plan = Self.plan(Self.facts(end: Self.place(45, 40, 30)), files)
        #expect(Self.treatments(plan) == [.trust, .trust, .resume, .scan, .scan])
        #expect(plan.snapshot == Offset(25))
    }

    @Test func `without the snapshot everything is read from the last that fits a segment's begin`()
    {
        #expect(Self.treatments(Self.plan(Self.facts(), snapshots: [])) == [.scan, .scan, .scan])
        let plan = Self.plan(Self.facts(), snapshots: [10])
        #expect(Self.treatments(plan) == [.trust, .scan, .scan] && plan.snapshot == Offset(10))
        let later = Self.plan(Self.facts(), snapshots: [10, 20, 30])
        #expect(Self.treatments(later) == [.trust, .trust, .scan] && later.snapshot == Offset(20))
    }

    @Test func `a segment without its caches is read, with all behind it`() {
        let files = [Self.file(0, 1000), Self.file(10, 1000, false), Self.file(20, 500)]
        #expect(Self.treatments(Self.plan(Self.facts(), files)) == [.scan, .scan, .scan])
        let plan = Self.plan(Self.facts(), files, snapshots: [10, 25])
        #expect(Self.treatments(plan) == [.trust, .scan, .scan] && plan.snapshot == Offset(10))
    }

    @Test func `what nothing vouches for is cut, in the last segment and behind it`() {
        let files = [Self.file(0, 1000), Self.file(10, 1000), Self.file(20, 700), Self.file(30, 9)]
        let plan = Self.plan(Self.facts(), files)
        #expect(plan.unvouched == [Offset(30)])
        #expect(plan.cut?.base == Offset(20) && plan.cut?.byteCount == 500 && plan.cut?.from == 700)
        #expect(plan.steps.map(\.byteCount) == [1000, 1000, 500])
    }

    @Test func `what was acknowledged and is not there is missing, and nothing is cut`() {
        let short = Self.plan(
            Self.facts(),
            [Self.file(0, 1000), Self.file(10, 1000), Self.file(20, 499)]
        )
        #expect(short.missing != nil && short.cut == nil && short.unvouched.isEmpty)
        #expect(Self.plan(Self.facts(), [Self.file(0, 1000), Self.file(10, 1000)]).missing != nil)
        #expect(Self.plan(Self.facts(), []).missing != nil)
        #expect(Self.plan(Self.facts(), Array(Self.files[1...])).missing != nil)
        #expect(Self.plan(Self.facts(logStart: 10), Array(Self.files[1...])).missing == nil)
    }

    @Test func `segments before the log start go, the last one never`() {
        let plan = Self.plan(Self.facts(logStart: 21))
        #expect(plan.deleted == [Offset(0), Offset(10)] && plan.steps.map(\.base) == [Offset(20)])
        #expect(Self.plan(Self.facts(logStart: 20)).deleted == [Offset(0), Offset(10)])
        #expect(Self.plan(Self.facts(logStart: 19)).deleted == [Offset(0)])
    }

    @Test func `a lost checkpoint cuts nothing and reads everything`() {
        let facts = Self.facts(recovery: .zero, tail: .unknown("lost"))
        let plan = Self.plan(facts, snapshots: [10, 25])
        #expect(Self.treatments(plan) == [.scan, .scan, .scan])
        #expect(plan.cut == nil && plan.unvouched.isEmpty && plan.missing == nil)
    }

    @Test func `relaxed durability keeps what lies behind the recovery point`() {
        let files = [Self.file(0, 1000), Self.file(10, 1000), Self.file(20, 700), Self.file(30, 9)]
        let plan = Self.plan(Self.facts(tail: .keepWhole), files)
        #expect(plan.cut == nil && plan.unvouched.isEmpty)
        #expect(Self.treatments(plan) == [.trust, .trust, .resume, .scan])
    }

    @Test func `a suspicion cuts nothing`() {
        var facts = Self.facts()
        facts.suspicion = "a group is damaged"
        let plan = Self.plan(facts, [Self.file(0, 1000), Self.file(10, 1000), Self.file(20, 700)])
        #expect(plan.cut == nil && plan.unvouched.isEmpty)
    }

    @Test func `an empty log keeps nothing that lies in its folder`() {
        let plan = Self.plan(Self.facts(recovery: .zero), [Self.file(0, 300), Self.file(7, 4)])
        #expect(plan.unvouched == [Offset(7)] && plan.cut?.byteCount == 0)
        #expect(plan.missing == nil)
    }
}
