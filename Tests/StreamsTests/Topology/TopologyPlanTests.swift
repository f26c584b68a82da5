import Bytes
import LogClient
import LogModel
import Streams
import Testing

@testable import StreamsRuntime

@Suite struct TopologyPlanTests {
    static let lines = Topic("lines", value: .utf8)
    static let counts = Topic("counts", key: .utf8, value: .int64)

    private struct WordCount: StreamJob {
        static let name = "wc"
        var topology: [Statement] {
            stream(lines)
                .flatMapValues { line -> [String] in line.split(separator: " ").map(String.init) }
                .groupBy({ $0 }, via: "by-word", key: .utf8)
                .count(store: "counts")
                .to(counts)
        }
    }

    private static func topic(_ name: String, _ count: Int32) -> TopicDescription {
        TopicDescription(
            name: name,
            id: .zero,
            partitionCount: count,
            isInternal: false,
            configuration: [:]
        )
    }

    @Test func `a repartition splits the topology and names its topics after the user's names`()
        throws
    {
        let topology = try Topology(of: WordCount())
        #expect(topology.specification.subtopologies.count == 2)
        let plan = try TopologyPlan(topology.specification, existing: [Self.topic("lines", 3)])
        #expect(
            plan.topicsToCreate.map(\.name).sorted() == [
                "counts", "wc-by-word-repartition", "wc-counts-changelog",
            ]
        )
        #expect(plan.topicsToCreate.allSatisfy { $0.partitionCount == 3 })
        #expect(plan.tasks.count == 6)
        #expect(plan.inputTopics == [["lines"], ["wc-by-word-repartition"]])
    }

    @Test func `a plan over what it makes has nothing to make and nothing to alter`() throws {
        let topology = try Topology(of: WordCount())
        let input = Self.topic("lines", 3)
        let first = try TopologyPlan(topology.specification, existing: [input])
        let made = first.topicsToCreate.map { topic in
            TopicDescription(
                name: topic.name,
                id: .zero,
                partitionCount: topic.partitionCount,
                isInternal: false,
                configuration: topic.configuration
            )
        }
        let second = try TopologyPlan(topology.specification, existing: made + [input])
        #expect(second.topicsToCreate.isEmpty)
        #expect(second.topicsToLabel.isEmpty)
    }

    @Test func `a job's own topic takes nobody's results`() throws {
        struct Spoiler: StreamJob {
            static let name = "spoiler"
            var target = "wc-counts-changelog"
            var topology: [Statement] {
                stream(TopologyPlanTests.lines).to(Topic(target, value: .utf8))
            }
        }
        var own = Self.topic("wc-counts-changelog", 1)
        own.configuration["millrace.owner"] = "wc/counts"
        let existing = [Self.topic("lines", 1), own]
        let error = #expect(throws: PlanError.self) {
            try TopologyPlan(Topology(of: Spoiler()).specification, existing: existing)
        }
        #expect(error == .ownedOutput(topic: "wc-counts-changelog", owner: "wc/counts"))
        let other = Spoiler(target: "results")
        _ = try TopologyPlan(Topology(of: other).specification, existing: existing)
    }

    @Test func `a repartition has the records' own times, whatever its topic was made with`()
        throws
    {
        let specification = try Topology(of: WordCount()).specification
        var own = Self.topic("wc-by-word-repartition", 3)
        own.configuration["message.timestamp.type"] = "LogAppendTime"
        let plan = try TopologyPlan(specification, existing: [Self.topic("lines", 3), own])
        let label = try #require(plan.topicsToLabel["wc-by-word-repartition"])
        #expect(TopologyPlan.options(for: label)["message.timestamp.type"] == "CreateTime")
    }

    @Test func `a missing input topic is named with the command that creates it`() throws {
        let topology = try Topology(of: WordCount())
        let error = #expect(throws: PlanError.self) {
            try TopologyPlan(topology.specification, existing: [])
        }
        #expect(error == .missingSource(topic: "lines"))
        #expect(error?.description.contains("millrace topic create lines") == true)
    }

    @Test func `what errors name to do reaches the log of the job`() {
        let options = "--data 'my data'"
        let unread = PlanError.unreadRepartition(topic: "wc-by-word-repartition")
            .description(commandOptions: options)
        #expect(
            unread.hasSuffix("millrace topic delete wc-by-word-repartition --force \(options)"),
            "\(unread)"
        )
        #expect(unread.contains("millrace run JOB --reset \(options)"), "\(unread)")
        let missing = PlanError.missingSource(topic: "-lines").description(commandOptions: options)
        #expect(missing.hasSuffix("millrace topic create --partitions 4 \(options) -- -lines"))
    }

    @Test func `a changelog with another partition count is refused`() throws {
        let topology = try Topology(of: WordCount())
        #expect(throws: PlanError.partitionCount(topic: "wc-counts-changelog", found: 2, needed: 3))
        {
            try TopologyPlan(
                topology.specification,
                existing: [Self.topic("lines", 3), Self.topic("wc-counts-changelog", 2)]
            )
        }
    }

    private struct Merged: StreamJob {
        static let name = "merged"
        var topology: [Statement] {
            let a = stream(Topic("a", key: .utf8, value: .utf8))
            let b = stream(Topic("b", key: .utf8, value: .utf8))
            a.merge(b).to(Topic("out", key: .utf8, value: .utf8))
        }
    }

    @Test func `streams that meet must have the same number of partitions`() throws {
        let topology = try Topology(of: Merged())
        #expect(topology.specification.subtopologies.count == 1)
        #expect(
            throws: PlanError.notCopartitioned(topic: "a", count: 2, other: "b", otherCount: 4)
        ) {
            try TopologyPlan(
                topology.specification,
                existing: [Self.topic("a", 2), Self.topic("b", 4)]
            )
        }
    }

    private struct TwoStores: StreamJob {
        static let name = "two"
        var topology: [Statement] {
            let grouped = stream(Topic("a", key: .utf8, value: .utf8)).groupByKey()
            grouped.count(store: "same")
            grouped.reduce(store: "same") { $0 + $1 }
        }
    }

    @Test func `a store name used twice is refused`() {
        let error = #expect(throws: TopologyError.self) { try Topology(of: TwoStores()) }
        #expect(error?.message.contains("\"same\"") == true)
    }

    private struct BadName: StreamJob {
        static let name = "bad"
        var topology: [Statement] {
            stream(Topic("a", key: .utf8, value: .utf8)).groupByKey().count(store: "a b")
        }
    }

    @Test func `a name that no topic can have is refused`() {
        let error = #expect(throws: TopologyError.self) { try Topology(of: BadName()) }
        #expect(error?.message.contains("\"a b\"") == true)
    }

    @Test func `the description names every operator, topic and store in all three forms`() throws {
        let specification = try Topology(of: WordCount()).specification
        for part in [
            "source lines (ignored, utf8)", "flatMapValues", "wc-by-word-repartition",
            "count in counts", "sink counts (utf8, int64)", "changelog wc-counts-changelog",
        ] {
            #expect(specification.text().contains(part), "\(part)")
        }
        #expect(specification.mermaid().hasPrefix("flowchart TD\n"))
        #expect(specification.mermaid().contains("-.->"))
        #expect(specification.json().contains("\"stores\":[\"counts\"]"))
    }
}
