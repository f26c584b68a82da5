import Bytes
import LogClient
import LogModel
import Streams
import Testing

@testable import StreamsRuntime

/// What a plan says of a job over what there is: values in, values out.
@Suite struct DeploymentPlanTests {
    private typealias Verdict = DeploymentPlan.Verdict

    /// What a start of the job leaves behind.
    private func deployed(_ form: ChangedJob.Form, isFilled: Bool = true) throws -> DeployedJob {
        let specification = try Topology(of: ChangedJob(form: form)).specification
        let inputs = ["in", "other"].map { TopicSpecification(name: $0, partitionCount: 1) }
        let plan = try TopologyPlan(specification, existing: inputs.map(Self.description))
        let topics = (inputs + plan.topicsToCreate).map(Self.description)
        return DeployedJob(
            topics: topics,
            filledTopics: isFilled ? Set(topics.map(\.name)) : [],
            storeFolders: Set(specification.subtopologies.flatMap(\.stores).map(\.name)),
            topology: specification
        )
    }

    private static func description(_ topic: TopicSpecification) -> TopicDescription {
        TopicDescription(
            name: topic.name,
            id: .zero,
            partitionCount: topic.partitionCount,
            isInternal: false,
            configuration: topic.configuration
        )
    }

    private func plan(_ form: ChangedJob.Form, over deployed: DeployedJob) throws -> DeploymentPlan
    {
        DeploymentPlan(try Topology(of: ChangedJob(form: form)).specification, over: deployed)
    }

    private func verdicts(_ plan: DeploymentPlan) -> [String] {
        plan.items.map { "\($0.verdict.rawValue) \($0.subject.rawValue) \($0.name)" }
    }

    @Test func `an unchanged job keeps everything`() throws {
        let plan = try plan(.counts, over: deployed(.counts))
        #expect(plan.isCompatible)
        #expect(verdicts(plan) == ["keep input in", "keep store s"])
    }

    @Test func `a store that the last form did not have is told to lack what came since`() throws {
        var back = try deployed(.counts)
        back.topology = try Topology(of: ChangedJob(form: .byKey)).specification
        let kept = try plan(.counts, over: back)
        let store = try #require(kept.items.first { $0.name == "s" })
        #expect(store.verdict == .keep)
        #expect(
            store.reason.hasSuffix(
                "the last form did not have it: what was processed since is not in it"
            )
        )
        let specification = try Topology(of: ChangedJob(form: .counts)).specification
        let lapsed = LapsedStores(specification, former: back.topology) { _ in true }
        #expect(lapsed.names == ["s"])
        #expect(
            lapsed.notes(commandOptions: "--data d")[0].contains("was not in the job's last form")
        )
        #expect(LapsedStores(specification, former: back.topology) { _ in false }.names.isEmpty)
        #expect(LapsedStores(specification, former: nil) { _ in true }.names.isEmpty)
        #expect(LapsedStores(specification, former: specification) { _ in true }.names.isEmpty)
    }

    @Test func `what is not there is created, and without an input the job is refused`() throws {
        var none = try deployed(.byKey)
        none.topics.removeAll { $0.name != "in" }
        none.filledTopics = []
        none.topology = nil
        let first = try plan(.byKey, over: none)
        #expect(verdicts(first) == ["create repartition p", "create output out", "keep input in"])
        none.topics = []
        let refused = try plan(.byKey, over: none)
        #expect(!refused.isCompatible)
        #expect(refused.items.first?.reason.contains("millrace topic create in") == true)
    }

    @Test func `a changed format is refused where something is in it`() throws {
        let refused = try plan(.sums, over: deployed(.counts))
        #expect(!refused.isCompatible)
        #expect(verdicts(refused) == ["refuse store s", "keep input in"])
        #expect(refused.items[0].reason.contains("its values were int64 and are now double"))
        #expect(try plan(.sums, over: deployed(.counts, isFilled: false)).isCompatible)
    }

    @Test func `another life of rows is told beside the one before`() throws {
        let plan = try plan(.longerFleeting, over: deployed(.fleeting))
        #expect(plan.isCompatible)
        #expect(verdicts(plan) == ["keep input in", "keep store s"])
        let words = "rows end after 90000 ms; before: rows end after 60000 ms"
        #expect(plan.items.last?.reason.hasSuffix(words) == true)
    }

    @Test func `a store whose files are gone is rebuilt, as one in memory always is`() throws {
        var lost = try deployed(.counts)
        lost.storeFolders = []
        #expect(try plan(.counts, over: lost).items.first?.verdict == .rebuild)
        #expect(try plan(.memory, over: deployed(.memory)).items.first?.verdict == .rebuild)
        var gone = try deployed(.counts)
        gone.topics.removeAll { $0.name == "changer-s-changelog" }
        gone.filledTopics.remove("changer-s-changelog")
        let emptied = try plan(.counts, over: gone).items.first
        #expect(emptied?.verdict == .rebuild && emptied?.reason.contains("is gone") == true)
        // By what the job was when it was started last, too.
        gone.storeFolders = []
        let known = try plan(.counts, over: gone).items.first
        #expect(known?.verdict == .rebuild && known?.reason.contains("is gone") == true)
    }

    @Test func `what the job does not use any more is an orphan`() throws {
        let plan = try plan(.none, over: deployed(.leftJoin))
        #expect(plan.isCompatible)
        let orphans = plan.items.filter { $0.verdict == .orphan }
        #expect(
            orphans.map { "\($0.subject.rawValue) \($0.name)" } == [
                "store s-left", "store s-right", "store s-waiting", "input other",
            ]
        )
        // By what the topics say of themselves, too.
        var unknown = try deployed(.leftJoin)
        unknown.topology = nil
        unknown.storeFolders = []
        let found = try self.plan(.none, over: unknown).items.filter { $0.verdict == .orphan }
        #expect(found.map(\.name) == ["s-left", "s-right", "s-waiting"])
    }

    @Test func `another partition count and another job's topic are refused`() throws {
        var other = try deployed(.counts)
        let index = try #require(other.topics.firstIndex { $0.name == "changer-s-changelog" })
        other.topics[index].partitionCount = 3
        let counts = try plan(.counts, over: other)
        #expect(verdicts(counts) == ["refuse store s", "keep input in"])
        other.topics[index].partitionCount = 1
        other.topics[index].configuration["millrace.owner"] = "changer-s/changelog"
        let owned = try plan(.counts, over: other)
        #expect(owned.items.first?.reason.contains("changer-s/changelog") == true)
        #expect(!owned.isCompatible)
    }
}
