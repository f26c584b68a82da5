import Broker
import BrokerAPI
import KafkaWire
import LogModel
import Testing

/// What clients may not do to the topics of a job that runs, and what a validation says.
@Suite struct RunningJobTests {
    private let policyViolation: Int16 = 44

    /// A job that reads `in` and writes `out`.
    private func harness() throws -> APIHarness {
        let harness = try APIHarness()
        for name in ["in", "out", "other"] {
            try harness.broker.createTopic(name, partitionCount: 1)
        }
        _ = try harness.broker.committedOffsets(
            group: "job",
            partitions: [TopicPartition("in", PartitionIndex(0))],
            requireStable: true
        )
        harness.broker.noteOutputs(["out"], of: "job")
        return harness
    }

    @Test func `its inputs and outputs are not deleted, by name or id`() throws {
        let harness = try harness()
        let ids = try ["in", "out"].map { try #require(harness.broker.topic($0)).id }
        let byName: DeleteTopicsResponse = try harness.ask(
            DeleteTopicsRequest(topicNames: ["in", "out", "other"]),
            20,
            5
        )
        #expect(byName.responses.map(\.errorCode) == [policyViolation, policyViolation, 0])
        #expect(
            byName.responses.first?.errorMessage?.contains("read by job, which runs") == true
        )
        #expect(
            byName.responses[1].errorMessage?.contains("written by job, which runs") == true
        )
        let byID: DeleteTopicsResponse = try harness.ask(
            DeleteTopicsRequest(topics: ids.map { .init(name: nil, topicID: $0) }),
            20,
            6
        )
        #expect(byID.responses.map(\.errorCode) == [policyViolation, policyViolation])
        #expect(harness.broker.topics().map(\.name).contains("in"))
        try harness.close()
    }

    @Test(arguments: [true, false])
    func `more partitions are refused alike where they are only validated`(
        _ validateOnly: Bool
    ) throws {
        let harness = try harness()
        try harness.broker.createTopic(
            "job-s-changelog",
            partitionCount: 1,
            options: [TopicOptionName.owner: "job/s"]
        )
        let answer: CreatePartitionsResponse = try harness.ask(
            CreatePartitionsRequest(
                topics: ["in", "job-s-changelog", "other"].map {
                    .init(name: $0, count: 3, assignments: nil)
                },
                timeoutMs: 1000,
                validateOnly: validateOnly
            ),
            37,
            3
        )
        #expect(answer.results.map(\.errorCode) == [policyViolation, policyViolation, 0])
        let count = harness.broker.topic("other")?.partitions.count
        #expect(count == (validateOnly ? 1 : 3))
        try harness.close()
    }

    @Test(arguments: [true, false])
    func `topics are refused alike where they are only validated`(_ validateOnly: Bool) throws {
        let harness = try harness()
        let answer: CreateTopicsResponse = try harness.ask(
            CreateTopicsRequest(
                topics: ["in", "__cluster_metadata", "new"].map {
                    .init(name: $0, numPartitions: 1, replicationFactor: 1)
                },
                timeoutMs: 1000,
                validateOnly: validateOnly
            ),
            19,
            7
        )
        #expect(answer.topics.first?.errorCode == 36)
        #expect(answer.topics.dropFirst().first?.errorCode != 0)
        #expect(answer.topics.last?.errorCode == 0)
        #expect((harness.broker.topic("new") == nil) == validateOnly)
        try harness.close()
    }

    @Test func `taking back what the broker never had is done, setting it is not`() throws {
        let harness = try harness()
        func alter(_ operation: Int8, _ node: String) throws -> [Int16] {
            let answer: IncrementalAlterConfigsResponse = try harness.ask(
                IncrementalAlterConfigsRequest(
                    resources: [
                        .init(
                            resourceType: 4,
                            resourceName: node,
                            configs: [
                                .init(
                                    name: "leader.replication.throttled.rate",
                                    configOperation: operation,
                                    value: operation == 1 ? nil : "1"
                                )
                            ]
                        )
                    ]
                ),
                44,
                1
            )
            return answer.responses.map(\.errorCode)
        }
        #expect(try alter(1, "1") == [0])
        #expect(try alter(1, "") == [0])
        #expect(try alter(0, "1") == [42])
        #expect(try alter(1, "7") == [42])
        try harness.close()
    }

    @Test func `a group without a name is none`() throws {
        let harness = try harness()
        let answer: ConsumerGroupDescribeResponse = try harness.ask(
            ConsumerGroupDescribeRequest(groupIDs: [""]),
            69,
            0
        )
        #expect(answer.groups.map(\.errorCode) == [24])
        try harness.close()
    }
}
