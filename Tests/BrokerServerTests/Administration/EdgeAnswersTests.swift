import Broker
import BrokerAPI
import KafkaWire
import LogModel
import Testing

/// What a broker of Kafka 4.3.1 answered at the edges of what a request may say.
struct EdgeAnswersTests {
    private let partition = TopicPartition("t", PartitionIndex(0))

    private func withTopic(_ body: (APIHarness) throws -> Void) throws {
        let harness = try APIHarness()
        try harness.broker.createTopic("t", partitionCount: 1)
        try body(harness)
        harness.api.stopWaiting()
        try harness.close()
    }

    private func batch(
        _ producer: Int64 = -1,
        _ epoch: Int16 = -1,
        isTransactional: Bool = false
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        builder.append(timestamp: Timestamp(1_767_225_600_000), key: nil, value: nil)
        return Array(
            builder.seal(
                attributes: BatchAttributes(rawValue: isTransactional ? 16 : 0),
                producerID: ProducerID(producer),
                producerEpoch: ProducerEpoch(epoch),
                baseSequence: producer == -1 ? .none : SequenceNumber(0)
            )
        )
    }

    private func produce(
        _ batch: [UInt8],
        _ harness: APIHarness,
        id: String? = nil,
        version: Int16 = 9
    ) throws -> Int16? {
        let response: ProduceResponse = try harness.ask(
            ProduceRequest(
                transactionalID: id,
                acks: -1,
                timeoutMs: 1000,
                topicData: [.init(name: "t", partitionData: [.init(index: 0, records: batch)])]
            ),
            0,
            version
        )
        return response.responses.first?.partitionResponses.first?.errorCode
    }

    // MARK: Epochs of producers

    @Test(arguments: [9, 12] as [Int16])
    func `an epoch below that of nobody is refused as one, whose ever it is`(
        version: Int16
    ) throws {
        try withTopic { harness throws in
            let owner: InitProducerIdResponse = try harness.ask(
                InitProducerIdRequest(transactionalID: "x", transactionTimeoutMs: 60_000),
                22,
                4
            )
            for producer in [owner.producerID, 777] {
                for epoch in [-2, .min] as [Int16] {
                    let batch = batch(producer, epoch, isTransactional: true)
                    #expect(try produce(batch, harness, id: "x", version: version) == 47)
                }
            }
            // None is another producer's, and one below that no producer at all.
            let none = batch(777, -1, isTransactional: true)
            #expect(try produce(none, harness, id: "x", version: version) == 49)
            let nobody = batch(-2, -2, isTransactional: true)
            #expect(try produce(nobody, harness, id: "x", version: version) == 49)
        }
    }

    @Test(arguments: [(-1, 3, 42), (-1, -2, 42), (5, -1, 42), (5, -2, 0), (-1, -1, 0)])
    func `half a pair is none, also without a transactional id`(
        id: Int64,
        epoch: Int16,
        code: Int16
    ) throws {
        try withTopic { harness throws in
            let response: InitProducerIdResponse = try harness.ask(
                InitProducerIdRequest(
                    transactionalID: nil,
                    transactionTimeoutMs: 60_000,
                    producerID: id,
                    producerEpoch: epoch
                ),
                22,
                4
            )
            #expect(response.errorCode == code)
        }
    }

    // MARK: Names

    @Test(
        arguments: [
            ("", 42, "Default topic resources are not allowed."),
            (".", 17, "Topic name is invalid: '.' is not allowed"),
            (
                "a/b", 17,
                "Topic name is invalid: 'a/b' contains one or more characters other than ASCII "
                    + "alphanumerics, '.', '_' and '-'"
            ),
            ("none", 3, "The topic 'none' does not exist."),
            (
                "__consumer_offsets", 17,
                "Topic '__consumer_offsets' is internal and keeps its options."
            ),
        ] as [(String, Int16, String)]
    )
    func `the name of what is altered is looked at first`(
        name: String,
        code: Int16,
        words: String
    ) throws {
        try withTopic { harness throws in
            try harness.broker.makeInternalTopic(.consumerOffsets)
            for validateOnly in [true, false] {
                let changed: IncrementalAlterConfigsResponse = try harness.ask(
                    IncrementalAlterConfigsRequest(
                        resources: [
                            .init(
                                resourceType: 2,
                                resourceName: name,
                                configs: [.init(name: "retention.ms", value: "1000")]
                            )
                        ],
                        validateOnly: validateOnly
                    ),
                    44,
                    1
                )
                #expect(changed.responses.map(\.errorCode) == [code])
                #expect(changed.responses.map(\.errorMessage) == [words])
                let replaced: AlterConfigsResponse = try harness.ask(
                    AlterConfigsRequest(
                        resources: [
                            .init(
                                resourceType: 2,
                                resourceName: name,
                                configs: [.init(name: "retention.ms", value: "1000")]
                            )
                        ],
                        validateOnly: validateOnly
                    ),
                    33,
                    2
                )
                #expect(replaced.responses.map(\.errorCode) == [code])
                #expect(replaced.responses.map(\.errorMessage) == [words])
            }
        }
    }

    private func create(
        _ topics: [CreateTopicsRequest.CreatableTopic],
        _ harness: APIHarness
    ) throws -> [CreateTopicsResponse.CreatableTopicResult] {
        let response: CreateTopicsResponse = try harness.ask(
            CreateTopicsRequest(topics: topics, validateOnly: true),
            19,
            7
        )
        return response.topics
    }

    @Test func `the topic of a node's metadata is nobody's to make`() throws {
        try withTopic { harness throws in
            let told = try create(
                [.init(name: "__cluster_metadata", numPartitions: 1, replicationFactor: 1)],
                harness
            )
            #expect(told.map(\.errorCode) == [42])
            #expect(
                told.map(\.errorMessage)
                    == ["Creation of internal topic __cluster_metadata is prohibited."]
            )
        }
    }

    @Test(
        arguments: [
            ([10_000], 0), ([10_001], 44), ([.max], 44), ([6000, 6000], 44), ([6000, 4000], 0),
            ([10_000, -1], 44),
        ] as [([Int32], Int16)]
    )
    func `the partitions of one request are counted together`(
        counts: [Int32],
        code: Int16
    ) throws {
        try withTopic { harness throws in
            let told = try create(
                counts.enumerated().map {
                    .init(name: "n\($0.offset)", numPartitions: $0.element, replicationFactor: 1)
                },
                harness
            )
            #expect(told.map(\.errorCode) == counts.map { _ in code })
            let words = code == 0 ? nil : "Excessively large number of partitions per request."
            #expect(told.map(\.errorMessage) == counts.map { _ in words })
        }
    }

    // MARK: Elections

    @Test(arguments: [0, 1, 2] as [Int16])
    func `an election of a kind that there is not is refused`(version: Int16) throws {
        try withTopic { harness throws in
            func elect(
                _ type: Int8,
                _ topics: [ElectLeadersRequest.TopicPartitions]?
            ) throws -> ElectLeadersResponse {
                try harness.ask(
                    ElectLeadersRequest(
                        electionType: type,
                        topicPartitions: topics,
                        timeoutMs: 1000
                    ),
                    43,
                    version
                )
            }
            let topics: [ElectLeadersRequest.TopicPartitions] = [
                .init(topic: "t", partitions: [0, 9]), .init(topic: "none", partitions: [0]),
            ]
            let known = try elect(0, topics)
            #expect(known.errorCode == 0)
            let results = known.replicaElectionResults.flatMap(\.partitionResult)
            #expect(results.map(\.errorCode) == [84, 3, 3])
            #expect(
                results.map(\.errorMessage) == [
                    "Leader election not needed for topic partition.",
                    "No such partition as t-9", "No such topic as none",
                ]
            )
            #expect(try elect(0, nil).replicaElectionResults.map(\.topic) == ["t"])
            guard version > 0 else { return }
            for type in [2, 7, -1] as [Int8] {
                let unknown = try elect(type, topics)
                #expect(unknown.errorCode == 42)
                let results = unknown.replicaElectionResults.flatMap(\.partitionResult)
                #expect(results.map(\.errorCode) == [42, 42, 42])
                #expect(Set(results.map(\.errorMessage)) == ["Unknown election type \(type)"])
                let all = try elect(type, nil)
                #expect(all.errorCode == 42)
                #expect(all.replicaElectionResults == [])
            }
        }
    }

    // MARK: Epochs of leaders

    @Test func `a leader's epoch below that of nobody is an old one, but to a fetch`() throws {
        try withTopic { harness throws in
            for _ in 0..<3 { #expect(try produce(batch(), harness) == 0) }
            for (epoch, code) in [(-2, 74), (-1, 0), (0, 0), (5, 75)] as [(Int32, Int16)] {
                let listed: ListOffsetsResponse = try harness.ask(
                    ListOffsetsRequest(topics: [
                        .init(
                            name: "t",
                            partitions: [
                                .init(partitionIndex: 0, currentLeaderEpoch: epoch, timestamp: -1)
                            ]
                        )
                    ]),
                    2,
                    7
                )
                #expect(listed.topics.first?.partitions.first?.errorCode == code)
                let ends = try end(of: 0, epoch, harness)
                #expect(ends.errorCode == code)
                #expect(ends.endOffset == (code == 0 ? 3 : -1))
                let fetched = try fetch(at: 0, leader: epoch, harness)
                #expect(fetched.errorCode == (epoch < 0 ? 0 : code))
            }
            try harness.broker.deleteRecords(of: partition, before: Offset(2))
            // One before all that are known ends where the first begins.
            let older = try end(of: -2, -1, harness)
            #expect(older.leaderEpoch == -2)
            #expect(older.endOffset == 2)
            let none = try end(of: -1, -1, harness)
            #expect(none.leaderEpoch == -1)
            #expect(none.endOffset == -1)
        }
    }

    private func end(
        of epoch: Int32,
        _ leader: Int32,
        _ harness: APIHarness
    ) throws -> OffsetForLeaderEpochResponse.EpochEndOffset {
        let told: OffsetForLeaderEpochResponse = try harness.ask(
            OffsetForLeaderEpochRequest(topics: [
                .init(
                    topic: "t",
                    partitions: [
                        .init(partition: 0, currentLeaderEpoch: leader, leaderEpoch: epoch)
                    ]
                )
            ]),
            23,
            4
        )
        return try #require(told.topics.first?.partitions.first)
    }

    private func fetch(
        at offset: Int64,
        leader: Int32 = -1,
        last: Int32 = -1,
        _ harness: APIHarness
    ) throws -> FetchResponse.PartitionData {
        let told: FetchResponse = try harness.ask(
            FetchRequest(
                maxWaitMs: 60_000,
                minBytes: last == -1 ? 0 : 1,
                maxBytes: 1 << 20,
                sessionEpoch: -1,
                topics: [
                    .init(
                        topic: "t",
                        partitions: [
                            .init(
                                partition: 0,
                                currentLeaderEpoch: leader,
                                fetchOffset: offset,
                                lastFetchedEpoch: last,
                                partitionMaxBytes: 1 << 20
                            )
                        ]
                    )
                ]
            ),
            1,
            12
        )
        return try #require(told.responses.first?.partitions.first)
    }

    /// A reader whose last record is of an epoch that ended earlier here has read what was cut.
    @Test func `a fetch that says the epoch of its last record is told where that ends`() throws {
        try withTopic { harness throws in
            for _ in 0..<3 { #expect(try produce(batch(), harness) == 0) }
            let same = try fetch(at: 1, last: 0, harness)
            #expect(same.errorCode == 0)
            #expect(same.records?.isEmpty == false)
            #expect(same.divergingEpoch == .init())
            // At once, though nothing comes of it.
            let beyond = try fetch(at: 10_000, last: 0, harness)
            #expect(beyond.errorCode == 0)
            #expect(beyond.divergingEpoch.epoch == 0)
            #expect(beyond.divergingEpoch.endOffset == 3)
            #expect(beyond.highWatermark == 3)
            #expect(beyond.records == [])
            let unknown = try fetch(at: 1, last: 7, harness)
            #expect(unknown.errorCode == 1)
            #expect(unknown.highWatermark == -1)
            try harness.broker.deleteRecords(of: partition, before: Offset(2))
            #expect(try fetch(at: 1, last: 0, harness).errorCode == 1)
        }
    }

    // MARK: Directories

    @Test(arguments: [
        ("/", "millrace-edge", "/millrace-edge"), ("/srv", "a/b", "/srv/a/b"),
        ("/srv", "./a", "/srv/a"), ("/srv", "/a", "/a"), ("", "a", "a"),
    ])
    func `the directory is told from the root on`(folder: String, path: String, told: String) {
        var configuration = APIConfiguration()
        configuration.workingDirectory = folder
        #expect(configuration.whole(path) == told)
    }
}
