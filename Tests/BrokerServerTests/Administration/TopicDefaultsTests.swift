import Broker
import BrokerAPI
import KafkaWire
import LogModel
import Testing

/// Kafka's settings of a broker that say what topics get.
@Suite struct TopicDefaultsTests {
    private func harness(_ settings: [(String, String)]) throws -> APIHarness {
        var configuration = APIConfiguration()
        for (name, value) in settings {
            #expect(configuration.topicDefaults.set(name, to: value) == nil, "\(name)")
        }
        return try APIHarness(configuration)
    }

    /// The value of an option, and who gave it by Kafka's number.
    private func option(_ name: String, _ harness: APIHarness) throws -> (String?, Int8)? {
        let answer = try harness.ask(
            DescribeConfigsRequest(
                resources: [
                    .init(resourceType: 2, resourceName: "t", configurationKeys: [name])
                ]
            ),
            32,
            4,
            as: DescribeConfigsResponse.self
        )
        return answer.results.first?.configs.first.map { ($0.value, $0.configSource) }
    }

    private func create(_ options: [(String, String)], _ harness: APIHarness) throws {
        let answer = try harness.ask(
            CreateTopicsRequest(
                topics: [
                    .init(
                        name: "t",
                        numPartitions: 1,
                        replicationFactor: 1,
                        configs: options.map { .init(name: $0.0, value: $0.1) }
                    )
                ]
            ),
            19,
            7,
            as: CreateTopicsResponse.self
        )
        #expect(answer.topics.first?.errorCode == 0)
    }

    private func alter(_ operation: Int8, _ value: String?, _ harness: APIHarness) throws {
        let answer = try harness.ask(
            IncrementalAlterConfigsRequest(
                resources: [
                    .init(
                        resourceType: 2,
                        resourceName: "t",
                        configs: [
                            .init(name: "retention.ms", configOperation: operation, value: value)
                        ]
                    )
                ]
            ),
            44,
            1,
            as: IncrementalAlterConfigsResponse.self
        )
        #expect(answer.responses.first?.errorCode == 0)
    }

    @Test func `a topic gets what it is not given, keeps it, and goes back to it`() throws {
        let harness = try harness([("log.retention.ms", "-1"), ("message.max.bytes", "2000000")])
        try create([("segment.ms", "60000")], harness)
        #expect(try #require(try option("retention.ms", harness)) == ("-1", 4))
        #expect(try #require(try option("max.message.bytes", harness)) == ("2000000", 4))
        #expect(try #require(try option("segment.ms", harness)) == ("60000", 1))
        #expect(harness.broker.topic("t")?.options["retention.ms"] == "-1")
        try alter(0, "1000", harness)
        #expect(try #require(try option("retention.ms", harness)) == ("1000", 1))
        try alter(1, nil, harness)
        #expect(try #require(try option("retention.ms", harness)) == ("-1", 4))
        try harness.close()
    }

    @Test func `without a setting the default is that of the hours`() throws {
        let harness = try harness([])
        try create([("retention.ms", "1000")], harness)
        let answer = try harness.ask(
            DescribeConfigsRequest(
                resources: [
                    .init(resourceType: 2, resourceName: "t", configurationKeys: ["retention.ms"])
                ],
                includeSynonyms: true
            ),
            32,
            4,
            as: DescribeConfigsResponse.self
        )
        let synonyms = answer.results.first?.configs.first?.synonyms ?? []
        #expect(synonyms.map(\.name) == ["retention.ms", "log.retention.hours"])
        #expect(synonyms.map(\.value) == ["1000", "168"])
        #expect(synonyms.map(\.source) == [1, 5])
        try harness.close()
    }

    @Test func `of a time in several units the finest counts, in any order`() throws {
        for names in [
            ["log.retention.hours", "log.retention.minutes"],
            ["log.retention.minutes", "log.retention.hours"],
        ] {
            let harness = try harness(names.map { ($0, "2") })
            try create([], harness)
            #expect(try #require(try option("retention.ms", harness)) == ("120000", 4))
            try harness.close()
        }
        let unlimited = try harness([("log.retention.hours", "-1")])
        try create([], unlimited)
        #expect(try #require(try option("retention.ms", unlimited)) == ("-1", 4))
        try unlimited.close()
    }

    @Test(arguments: [
        ("log.retention.hours", "9223372036854775807"), ("log.retention.ms", "long"),
        ("log.segment.bytes", "10"), ("log.cleanup.policy", "burn"),
        ("log.roll.hours", "1.5"),
    ])
    func `a value that no topic may have is refused`(name: String, value: String) {
        var defaults = TopicDefaults()
        #expect(defaults.set(name, to: value) != nil)
        #expect(defaults == TopicDefaults())
    }
}
