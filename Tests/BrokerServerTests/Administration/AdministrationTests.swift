import Broker
import BrokerAPI
import Bytes
import KafkaRecords
import KafkaWire
import LogModel
import LogStorage
import Testing

struct AdministrationTests {
    private typealias Configs = IncrementalAlterConfigsRequest.AlterableConfig

    private func withTopic(_ body: (APIHarness) throws -> Void) throws {
        let harness = try APIHarness()
        try harness.broker.createTopic("t", partitionCount: 2)
        try body(harness)
        try harness.close()
    }

    @Test func `every administrator's API answers in each version that it tells of`() throws {
        let harness = try APIHarness()
        for (key, request) in administrationRequests {
            let entry = try #require(APITable.entries[key])
            for version in entry.advertised {
                let body = try request.encoded(version: version)
                #expect(
                    try harness.answer(key, version, body: body) != nil,
                    "the API \(key), version \(version)"
                )
            }
        }
        try harness.close()
    }

    @Test func `the table of handlers agrees with the schemas`() throws {
        for entry in APITable.entries.values {
            let api = try #require(WireAPI.named(by: entry.key))
            #expect(entry.served.lowerBound >= api.versions.lowerBound, "\(api.name)")
            #expect(entry.served.upperBound <= api.versions.upperBound, "\(api.name)")
            for version in entry.served {
                #expect(entry.isFlexible(version) == api.isFlexible(version), "\(api.name)")
            }
        }
    }

    @Test func `options are set, taken back, added to and taken out of`() throws {
        try withTopic { harness throws in
            func alter(_ configs: [Configs]) throws -> Int16? {
                let response: IncrementalAlterConfigsResponse = try harness.ask(
                    IncrementalAlterConfigsRequest(
                        resources: [.init(resourceType: 2, resourceName: "t", configs: configs)]
                    ),
                    44,
                    1
                )
                return response.responses.first?.errorCode
            }
            #expect(try alter([Configs(name: "retention.ms", value: "777")]) == 0)
            #expect(harness.broker.topic("t")?.options == ["retention.ms": "777"])
            let compact = Configs(name: "cleanup.policy", configOperation: 2, value: "compact")
            #expect(try alter([compact]) == 0)
            #expect(harness.broker.topic("t")?.options["cleanup.policy"] == "delete,compact")
            let delete = Configs(name: "cleanup.policy", configOperation: 3, value: "delete")
            #expect(try alter([delete]) == 0)
            #expect(harness.broker.topic("t")?.options["cleanup.policy"] == "compact")
            let back = Configs(name: "retention.ms", configOperation: 1, value: nil)
            #expect(try alter([back]) == 0)
            #expect(harness.broker.topic("t")?.options == ["cleanup.policy": "compact"])
            let list = Configs(name: "retention.ms", configOperation: 2, value: "5")
            #expect(try alter([list]) == 40)
            // What the log would not heed it does not take.
            #expect(try alter([Configs(name: "min.insync.replicas", value: "2")]) == 40)
            #expect(try alter([Configs(name: "min.insync.replicas", value: "1")]) == 0)
            #expect(try alter([Configs(name: "compression.type", value: "zip")]) == 40)
        }
    }

    @Test func `a job's own topic takes no records, and keeps what the job counts on`() throws {
        let harness = try APIHarness()
        try harness.broker.createTopic(
            "t",
            partitionCount: 1,
            options: ["millrace.owner": "job/by-key", "retention.ms": "-1"]
        )
        func alter(_ name: String, _ value: String) throws -> Int16? {
            let response: IncrementalAlterConfigsResponse = try harness.ask(
                IncrementalAlterConfigsRequest(
                    resources: [
                        .init(
                            resourceType: 2,
                            resourceName: "t",
                            configs: [Configs(name: name, value: value)]
                        )
                    ]
                ),
                44,
                1
            )
            return response.responses.first?.errorCode
        }
        for (name, value) in [
            ("message.timestamp.type", "LogAppendTime"), ("retention.ms", "1000"),
            ("cleanup.policy", "compact"),
        ] {
            let code = try alter(name, value)
            #expect(code == 44, "\(name)")
        }
        let raised = try alter("max.message.bytes", "2000000")
        #expect(raised == 0)
        let deletion: DeleteRecordsResponse = try harness.ask(
            DeleteRecordsRequest(
                topics: [.init(name: "t", partitions: [.init(partitionIndex: 0, offset: 0)])]
            ),
            21,
            2
        )
        #expect(deletion.topics.first?.partitions.first?.errorCode == 44)
        var builder = RecordBatchBuilder()
        builder.append(timestamp: Timestamp(1), key: nil, value: nil)
        var batch = Array(builder.seal())
        let outcome = try batch.withUnsafeMutableBytes {
            try harness.broker.produce(
                batch: $0,
                to: TopicPartition("t", PartitionIndex(0)),
                flush: true
            )
        }
        guard case .refused(let code, _) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(code == .topicAuthorizationFailed)
        try harness.close()
    }

    @Test func `a replacement of options keeps what a job noted on its topic`() throws {
        let harness = try APIHarness()
        try harness.broker.createTopic(
            "t",
            partitionCount: 1,
            options: ["millrace.owner": "job/store", "index.interval.bytes": "5"]
        )
        let response: AlterConfigsResponse = try harness.ask(
            AlterConfigsRequest(
                resources: [
                    .init(
                        resourceType: 2,
                        resourceName: "t",
                        configs: [.init(name: "max.message.bytes", value: "2000")]
                    )
                ]
            ),
            33,
            2
        )
        #expect(response.responses.map(\.errorCode) == [0])
        let options = harness.broker.topic("t")?.options
        #expect(options == ["millrace.owner": "job/store", "max.message.bytes": "2000"])
        try harness.close()
    }

    @Test func `new partitions are there after a restart`() throws {
        try withTopic { harness throws in
            let response: CreatePartitionsResponse = try harness.ask(
                CreatePartitionsRequest(topics: [.init(name: "t", count: 5, assignments: nil)]),
                37,
                3
            )
            #expect(response.results.map(\.errorCode) == [0])
            #expect(harness.broker.topic("t")?.partitions.count == 5)
            let last = TopicPartition("t", PartitionIndex(4))
            let bounds = try harness.broker.bounds(of: last)
            #expect(bounds.logEnd == .zero)
            try harness.broker.close()
            let again = try Broker.open(
                disk: harness.broker.disk,
                directory: harness.directory,
                configuration: BrokerConfiguration(execution: .inline)
            )
            #expect(again.topic("t")?.partitions.map(\.name.partition.rawValue) == [0, 1, 2, 3, 4])
            try again.close()
        }
    }

    @Test func `partitions are described a page at a time`() throws {
        try withTopic { harness throws in
            try harness.broker.createTopic("u", partitionCount: 2)
            var seen: [String] = []
            var request = DescribeTopicPartitionsRequest(responsePartitionLimit: 1)
            for _ in 0..<4 {
                let page: DescribeTopicPartitionsResponse = try harness.ask(request, 75, 0)
                for topic in page.topics {
                    seen += topic.partitions.map { "\(topic.name ?? "")-\($0.partitionIndex)" }
                }
                request.cursor = page.nextCursor.map {
                    .init(topicName: $0.topicName, partitionIndex: $0.partitionIndex)
                }
            }
            #expect(seen == ["t-0", "t-1", "u-0", "u-1"])
            #expect(request.cursor == nil)
        }
    }

    @Test func `the broker's options tell its protocol version`() throws {
        let harness = try APIHarness()
        let response: DescribeConfigsResponse = try harness.ask(
            DescribeConfigsRequest(
                resources: [
                    .init(
                        resourceType: 4,
                        resourceName: String(harness.api.configuration.nodeID),
                        configurationKeys: nil
                    )
                ]
            ),
            32,
            4
        )
        let names = response.results.first?.configs.map(\.name) ?? []
        #expect(names.contains("inter.broker.protocol.version"))
        #expect(names == names.sorted())
        #expect(Set(names).count == names.count)
        try harness.close()
    }
}

/// Requests without content, by the API's number.
private let administrationRequests: [Int16: any KafkaMessage] = [
    19: CreateTopicsRequest(),
    20: DeleteTopicsRequest(),
    21: DeleteRecordsRequest(),
    27: WriteTxnMarkersRequest(),
    29: DescribeAclsRequest(),
    30: CreateAclsRequest(),
    31: DeleteAclsRequest(),
    32: DescribeConfigsRequest(),
    33: AlterConfigsRequest(),
    35: DescribeLogDirsRequest(),
    37: CreatePartitionsRequest(),
    43: ElectLeadersRequest(),
    44: IncrementalAlterConfigsRequest(),
    45: AlterPartitionReassignmentsRequest(),
    46: ListPartitionReassignmentsRequest(),
    48: DescribeClientQuotasRequest(),
    49: AlterClientQuotasRequest(),
    50: DescribeUserScramCredentialsRequest(),
    51: AlterUserScramCredentialsRequest(),
    55: DescribeQuorumRequest(),
    60: DescribeClusterRequest(),
    61: DescribeProducersRequest(),
    65: DescribeTransactionsRequest(),
    66: ListTransactionsRequest(),
    74: ListConfigResourcesRequest(),
    75: DescribeTopicPartitionsRequest(),
]
