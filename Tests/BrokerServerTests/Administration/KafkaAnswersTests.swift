import Broker
import BrokerAPI
import Bytes
import KafkaWire
import LogModel
import Testing

/// What a broker of Kafka 4.3.1 answered to requests that contradict themselves, or leave out.
struct KafkaAnswersTests {
    private func withTopic(_ body: (APIHarness) throws -> Void) throws {
        let harness = try APIHarness()
        try harness.broker.createTopic("t", partitionCount: 1)
        try body(harness)
        try harness.close()
    }

    // MARK: Named twice

    @Test func `a topic that is to be deleted twice stays`() throws {
        try withTopic { harness throws in
            let id = try #require(harness.broker.topic("t")?.id)
            func delete(_ request: DeleteTopicsRequest, _ version: Int16) throws -> [Int16] {
                let response: DeleteTopicsResponse = try harness.ask(request, 20, version)
                return response.responses.map(\.errorCode)
            }
            #expect(try delete(DeleteTopicsRequest(topicNames: ["t", "t"]), 5) == [42])
            let name = DeleteTopicsRequest.DeleteTopicState(name: "t")
            let byID = DeleteTopicsRequest.DeleteTopicState(name: nil, topicID: id)
            for topics in [[name, name], [byID, byID], [name, byID], [byID, name]] {
                #expect(try delete(DeleteTopicsRequest(topics: topics), 6) == [42])
            }
            #expect(harness.broker.topic("t") != nil)
            #expect(try delete(DeleteTopicsRequest(topics: [byID]), 6) == [0])
        }
    }

    @Test func `changes of options that contradict each other are not done`() throws {
        try withTopic { harness throws in
            typealias Change = IncrementalAlterConfigsRequest.AlterableConfig
            func alter(_ resources: [[Change]]) throws -> [Int16] {
                let response: IncrementalAlterConfigsResponse = try harness.ask(
                    IncrementalAlterConfigsRequest(
                        resources: resources.map {
                            .init(resourceType: 2, resourceName: "t", configs: $0)
                        }
                    ),
                    44,
                    1
                )
                return response.responses.map(\.errorCode)
            }
            let one = Change(name: "retention.ms", value: "1")
            let two = Change(name: "retention.ms", value: "2")
            let back = Change(name: "retention.ms", configOperation: 1, value: nil)
            for changes in [[[one, two]], [[one, back]]] { #expect(try alter(changes) == [42]) }
            #expect(try alter([[one], [two]]) == [42, 42])
            #expect(harness.broker.topic("t")?.options == [:])
            let unknown = Change(name: "no.such.option", configOperation: 1, value: nil)
            #expect(try alter([[unknown]]) == [0])
            let nothing = Change(name: "cleanup.policy", configOperation: 2, value: "")
            #expect(try alter([[nothing]]) == [40])
            #expect(try alter([[Change(name: "preallocate", value: "False")]]) == [0])

            let replaced: AlterConfigsResponse = try harness.ask(
                AlterConfigsRequest(resources: [
                    .init(
                        resourceType: 2,
                        resourceName: "t",
                        configs: [
                            .init(name: "retention.ms", value: "1"),
                            .init(name: "retention.ms", value: "2"),
                        ]
                    )
                ]),
                33,
                2
            )
            #expect(replaced.responses.map(\.errorCode) == [42])
        }
    }

    // MARK: Left out

    @Test func `no name of an option stands for all of them`() throws {
        try withTopic { harness throws in
            func options(_ keys: [String]?) throws -> [String] {
                let response: DescribeConfigsResponse = try harness.ask(
                    DescribeConfigsRequest(resources: [
                        .init(resourceType: 2, resourceName: "t", configurationKeys: keys)
                    ]),
                    32,
                    4
                )
                return response.results.flatMap { $0.configs.map(\.name) }
            }
            let all = try options(nil)
            #expect(all.count > 20)
            #expect(try options([]) == all)
            #expect(try options(["retention.ms"]) == ["retention.ms"])
        }
    }

    @Test func `without rules all may be done, and that is told`() throws {
        try withTopic { harness throws in
            let cluster: DescribeClusterResponse = try harness.ask(
                DescribeClusterRequest(includeClusterAuthorizedOperations: true),
                60,
                2
            )
            #expect(cluster.clusterAuthorizedOperations == 8096)
            let silent: DescribeClusterResponse = try harness.ask(DescribeClusterRequest(), 60, 2)
            #expect(silent.clusterAuthorizedOperations == Int32.min)
            let topics: DescribeTopicPartitionsResponse = try harness.ask(
                DescribeTopicPartitionsRequest(topics: [.init(name: "none"), .init(name: "t")]),
                75,
                0
            )
            #expect(topics.topics.map(\.topicAuthorizedOperations) == [3576, 3576])
            let metadata: MetadataResponse = try harness.ask(
                MetadataRequest(
                    topics: [.init(name: "none"), .init(name: "t")],
                    allowAutoTopicCreation: false,
                    includeTopicAuthorizedOperations: true
                ),
                3,
                12
            )
            #expect(metadata.topics.map(\.topicAuthorizedOperations) == [3576, 3576])
        }
    }

    @Test(arguments: [10, 11, 12] as [Int16])
    func `a topic without a name is answered in every version`(version: Int16) throws {
        try withTopic { harness throws in
            let metadata: MetadataResponse = try harness.ask(
                MetadataRequest(topics: [
                    .init(topicID: .zero, name: nil),
                    .init(topicID: UniqueID(high: 1, low: 1), name: nil),
                ]),
                3,
                version
            )
            #expect(metadata.topics.map(\.errorCode) == [42, 100])
            #expect(metadata.topics.map(\.name) == (version < 12 ? ["", ""] : [nil, nil]))
        }
    }

    @Test(arguments: [0, 1, 2] as [Int16])
    func `the quorum is described in each version`(version: Int16) throws {
        try withTopic { harness throws in
            let quorum: DescribeQuorumResponse = try harness.ask(
                DescribeQuorumRequest(topics: [
                    .init(topicName: "__cluster_metadata", partitions: [.init(partitionIndex: 0)])
                ]),
                55,
                version
            )
            #expect(quorum.topics.first?.partitions.first?.errorCode == 0)
            #expect(quorum.nodes.count == (version < 2 ? 0 : 1))
        }
    }

    @Test func `from version 5 on a member says which protocol it means`() throws {
        try withTopic { harness throws in
            for (version, code) in [(Int16(4), Int16(25)), (5, 23)] {
                let response: SyncGroupResponse = try harness.ask(
                    SyncGroupRequest(groupID: "g", generationID: 1, memberID: "m"),
                    14,
                    version
                )
                #expect(response.errorCode == code)
            }
        }
    }

    @Test func `records of a topic without a policy are deleted as asked`() throws {
        let harness = try APIHarness()
        for (name, policy, code) in [("none", "", Int16(0)), ("kept", "compact", 44)] {
            try harness.broker.createTopic(
                name,
                partitionCount: 1,
                options: ["cleanup.policy": policy]
            )
            let response: DeleteRecordsResponse = try harness.ask(
                DeleteRecordsRequest(
                    topics: [
                        .init(name: name, partitions: [.init(partitionIndex: 0, offset: 0)])
                    ],
                    timeoutMs: 1000
                ),
                21,
                2
            )
            #expect(response.topics.first?.partitions.first?.errorCode == code, "\(name)")
        }
        try harness.close()
    }
}
