import Broker
import BrokerAPI
import KafkaWire
import LogModel
import Testing

/// How a broker of Kafka 4.3.1 refuses what cannot be done.
struct RefusedAnswersTests {
    private func withTopic(_ body: (APIHarness) throws -> Void) throws {
        let harness = try APIHarness()
        try harness.broker.createTopic("t", partitionCount: 1)
        try body(harness)
        harness.api.stopWaiting()
        try harness.close()
    }

    @Test func `a session that is too short is refused in front of a member that is unknown`()
        throws
    {
        try withTopic { harness throws in
            for (member, session, expected) in [
                ("nobody", 1, KafkaErrorCode.invalidSessionTimeout),
                ("nobody", 10_000, .unknownMemberID),
            ] as [(String, Int32, KafkaErrorCode)] {
                let response: JoinGroupResponse = try harness.ask(
                    JoinGroupRequest(
                        groupID: "g",
                        sessionTimeoutMs: session,
                        rebalanceTimeoutMs: 1000,
                        memberID: member,
                        protocolType: "consumer",
                        protocols: [.init(name: "range", metadata: [])]
                    ),
                    11,
                    5
                )
                #expect(response.errorCode == expected.rawValue)
            }
        }
    }

    @Test func `a group without a name has no positions to be removed`() throws {
        try withTopic { harness throws in
            let response: OffsetDeleteResponse = try harness.ask(
                OffsetDeleteRequest(groupID: "", topics: []),
                47,
                0
            )
            #expect(response.errorCode == KafkaErrorCode.invalidGroupID.rawValue)
        }
    }

    @Test(arguments: ["", "a b", ".."])
    func `a topic that can be none has no producers`(name: String) throws {
        try withTopic { harness throws in
            let response: DescribeProducersResponse = try harness.ask(
                DescribeProducersRequest(topics: [.init(name: name, partitionIndexes: [0])]),
                61,
                0
            )
            let partition = try #require(response.topics.first?.partitions.first)
            #expect(partition.errorCode == KafkaErrorCode.invalidTopic.rawValue)
            #expect(partition.errorMessage == TopicName.problem(with: name))
        }
    }

    @Test func `a page that begins nowhere is refused for each topic`() throws {
        try withTopic { harness throws in
            let response: DescribeTopicPartitionsResponse = try harness.ask(
                DescribeTopicPartitionsRequest(
                    topics: [.init(name: "t")],
                    cursor: .init(topicName: "t", partitionIndex: -1)
                ),
                75,
                0
            )
            #expect(response.topics.map(\.name) == ["t"])
            #expect(response.topics.map(\.errorCode) == [KafkaErrorCode.invalidRequest.rawValue])
            #expect(response.topics.flatMap(\.partitions).isEmpty)
        }
    }

    /// Of transactions nothing is said where reading failed, and that there are none where nobody
    /// reads.
    @Test func `aborted transactions are told as in Kafka where there is an error`() throws {
        try withTopic { harness throws in
            for isolation: Int8 in [0, 1] {
                let response: FetchResponse = try harness.ask(
                    FetchRequest(
                        maxWaitMs: 0,
                        minBytes: 1,
                        isolationLevel: isolation,
                        topics: [
                            .init(
                                topic: "t",
                                partitions: [
                                    .init(partition: 0, fetchOffset: 7, partitionMaxBytes: 9),
                                    .init(partition: 1, fetchOffset: 0, partitionMaxBytes: 9),
                                ]
                            )
                        ]
                    ),
                    1,
                    12
                )
                let partitions = response.responses.flatMap(\.partitions)
                #expect(partitions.map(\.errorCode) == [1, 3])
                #expect(partitions[0].abortedTransactions == nil)
                #expect(partitions[1].abortedTransactions?.isEmpty == true)
            }
        }
    }

    @Test func `the whole room of the directory is told beside what is left`() throws {
        try withTopic { harness throws in
            let response: DescribeLogDirsResponse = try harness.ask(
                DescribeLogDirsRequest(topics: nil),
                35,
                4
            )
            let directory = try #require(response.results.first)
            #expect(directory.usableBytes > 0)
            #expect(directory.totalBytes >= directory.usableBytes)
        }
    }
}
