import Broker
import BrokerAPI
import Bytes
import KafkaWire
import LogModel
import Testing

/// Requests that name topics by their ids: a topic made anew under a name is another one.
@Suite struct TopicIDTests {
    private let unknown = UniqueID(high: 0x6565, low: 0x6565)

    private func records(_ value: String) -> [UInt8] {
        var builder = RecordBatchBuilder()
        Array(value.utf8).withUnsafeBytes {
            builder.append(timestamp: Timestamp(1_767_225_600_000), key: nil, value: $0)
        }
        return Array(builder.seal())
    }

    private func produce(_ id: UniqueID, _ server: SimulatedServer) throws -> ProduceResponse {
        try server.ask(
            ProduceRequest(
                acks: -1,
                timeoutMs: 1000,
                topicData: [
                    .init(topicID: id, partitionData: [.init(index: 0, records: records("v"))])
                ]
            ),
            0,
            13
        )
    }

    @Test func `a produce by id reaches that topic, and none that took its name`() throws {
        let server = try SimulatedServer()
        try server.broker.createTopic("t", partitionCount: 1)
        let first = try #require(server.broker.topic("t")?.id)
        let answer = try produce(first, server)
        #expect(answer.codes == [.none])
        #expect(answer.responses.first?.topicID == first)
        try server.broker.deleteTopic("t")
        try server.broker.createTopic("t", partitionCount: 1)
        for id in [first, unknown, .zero] {
            #expect(try produce(id, server).codes == [.unknownTopicID])
        }
        #expect(try server.committed("t") == [])
        #expect(server.broker.topic(id: first) == nil)
        try server.close()
    }

    @Test func `positions are committed and told by id`() throws {
        let server = try SimulatedServer()
        try server.broker.createTopic("t", partitionCount: 1)
        let id = try #require(server.broker.topic("t")?.id)
        let commit: OffsetCommitResponse = try server.ask(
            OffsetCommitRequest(
                groupID: "g",
                topics: [id, unknown].map {
                    .init(
                        topicID: $0,
                        partitions: [.init(partitionIndex: 0, committedOffset: 11)]
                    )
                }
            ),
            8,
            10
        )
        #expect(commit.topics.map(\.topicID) == [id, unknown])
        let codes = commit.topics.flatMap(\.partitions).map(\.errorCode)
        #expect(codes == [0, KafkaErrorCode.unknownTopicID.rawValue])
        for asked in [[id, unknown], nil] {
            let answer: OffsetFetchResponse = try server.ask(
                OffsetFetchRequest(
                    groups: [
                        .init(
                            groupID: "g",
                            topics: asked?.map { .init(topicID: $0, partitionIndexes: [0]) }
                        )
                    ]
                ),
                9,
                10
            )
            let topics = try #require(answer.groups.first?.topics)
            #expect(topics.map(\.topicID) == asked ?? [id])
            #expect(topics.first?.partitions.first?.committedOffset == 11)
            #expect(topics.allSatisfy { $0.name.isEmpty })
        }
        try server.close()
    }

    @Test(arguments: Int16(13)...18)
    func `a fetch by id is answered by id, whichever session it is in`(version: Int16) throws {
        let server = try SimulatedServer()
        try server.broker.createTopic("t", partitionCount: 1)
        let id = try #require(server.broker.topic("t")?.id)
        _ = try produce(id, server)
        let request = FetchRequest(
            sessionEpoch: 0,
            topics: [id, unknown].map {
                .init(topicID: $0, partitions: [.init(partitionMaxBytes: 1 << 20)])
            }
        )
        let first: FetchResponse = try server.ask(request, 1, version)
        #expect(first.responses.map(\.topicID) == [id, unknown])
        let partitions = first.responses.flatMap(\.partitions)
        #expect(partitions.map(\.errorCode) == [0, KafkaErrorCode.unknownTopicID.rawValue])
        #expect(partitions.first?.highWatermark == 1)
        let next = FetchRequest(
            sessionID: first.sessionID,
            sessionEpoch: 1,
            topics: [
                .init(topicID: id, partitions: [.init(fetchOffset: 1, partitionMaxBytes: 1 << 20)])
            ],
            forgottenTopicsData: [.init(topicID: unknown, partitions: [0])]
        )
        let second: FetchResponse = try server.ask(next, 1, version)
        #expect(second.sessionID == first.sessionID)
        #expect(second.responses.isEmpty)
        // The topic is gone, and one of its name is none of this session's.
        try server.broker.deleteTopic("t")
        try server.broker.createTopic("t", partitionCount: 1)
        let request3 = FetchRequest(sessionID: first.sessionID, sessionEpoch: 2)
        let third: FetchResponse = try server.ask(request3, 1, version)
        #expect(third.responses.map(\.topicID) == [id])
        let codes = third.responses.flatMap(\.partitions).map(\.errorCode)
        #expect(codes == [KafkaErrorCode.unknownTopicID.rawValue])
        try server.close()
    }

    @Test func `nothing is on a second tier`() throws {
        let server = try SimulatedServer()
        try server.broker.createTopic("t", partitionCount: 1)
        let id = try #require(server.broker.topic("t")?.id)
        _ = try produce(id, server)
        func offset(_ timestamp: Int64, _ version: Int16) throws -> (Int16, Int64) {
            let answer: ListOffsetsResponse = try server.ask(
                ListOffsetsRequest(
                    topics: [.init(name: "t", partitions: [.init(timestamp: timestamp)])]
                ),
                2,
                version
            )
            let partition = try #require(answer.topics.first?.partitions.first)
            return (partition.errorCode, partition.offset)
        }
        for (timestamp, first, expected) in [(Int64(-4), Int16(8), Int64(0)), (-5, 9, -1)] {
            #expect(try offset(timestamp, first) == (0, expected))
            #expect(
                try offset(timestamp, first - 1) == (KafkaErrorCode.unsupportedVersion.rawValue, -1)
            )
        }
        #expect(try offset(-6, 11) == (0, -1))
        #expect(try offset(-6, 10) == (KafkaErrorCode.unsupportedVersion.rawValue, -1))
        #expect(try offset(-1, 11) == (0, 1))
        try server.close()
    }
}
