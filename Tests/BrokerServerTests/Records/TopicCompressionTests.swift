import Broker
import BrokerAPI
import Bytes
import KafkaWire
import LogModel
import Testing

/// `compression.type`: a topic whose records are kept in a codec of its own.
@Suite struct TopicCompressionTests {
    private func batch(
        _ values: [String],
        _ codec: CompressionCodec = .none,
        producer: (id: Int64, sequence: Int32)? = nil
    ) throws -> [UInt8] {
        var builder = RecordBatchBuilder()
        for value in values {
            Array(value.utf8).withUnsafeBytes {
                builder.append(timestamp: Timestamp(1_767_225_600_000), key: nil, value: $0)
            }
        }
        var bytes = Array(
            producer.map {
                builder.seal(
                    producerID: ProducerID($0.id),
                    producerEpoch: ProducerEpoch(0),
                    baseSequence: SequenceNumber($0.sequence)
                )
            } ?? builder.seal()
        )
        guard codec != .none else { return bytes }
        var rewriter = RecordBatchRewriter()
        let compressed = try bytes.withUnsafeMutableBytes { plain in
            Array(
                try rewriter.renumber(
                    RecordBatchView(UnsafeRawBufferPointer(plain)),
                    codec: codec
                )
            )
        }
        bytes = compressed
        return bytes
    }

    private func produce(
        _ records: [UInt8],
        _ harness: APIHarness
    ) throws -> ProduceResponse.PartitionProduceResponse {
        let response: ProduceResponse = try harness.ask(
            ProduceRequest(
                acks: -1,
                timeoutMs: 1000,
                topicData: [
                    .init(name: "t", partitionData: [.init(index: 0, records: records)])
                ]
            ),
            0,
            9
        )
        return try #require(response.responses.first?.partitionResponses.first)
    }

    /// What a client is given: each batch's codec, and the values in it.
    private func fetched(_ harness: APIHarness) throws -> [(CompressionCodec, [String])] {
        let response: FetchResponse = try harness.ask(
            FetchRequest(
                maxBytes: 1 << 20,
                topics: [
                    .init(
                        topic: "t",
                        partitions: [.init(fetchOffset: 0, partitionMaxBytes: 1 << 20)]
                    )
                ]
            ),
            1,
            12
        )
        let bytes = response.responses.first?.partitions.first?.records ?? []
        return try bytes.withUnsafeBytes { buffer in
            var batches = RecordBatchSequence(buffer)
            var decompressor = RecordDecompressor()
            var found: [(CompressionCodec, [String])] = []
            while let batch = try batches.next() {
                try batch.verifyChecksum()
                var records = try decompressor.records(of: batch, byteLimit: 1 << 20)
                var values: [String] = []
                while let record = try records.next() {
                    values.append(String(decoding: try #require(record.value), as: UTF8.self))
                }
                found.append((try batch.codec(), values))
            }
            return found
        }
    }

    @Test(arguments: [
        ("zstd", CompressionCodec.zstd), ("lz4", .lz4), ("gzip", .gzip), ("snappy", .snappy),
        ("uncompressed", .none),
    ])
    func `whatever producers send is kept in the topic's codec`(
        name: String,
        codec: CompressionCodec
    ) throws {
        let harness = try APIHarness()
        try harness.broker.createTopic(
            "t",
            partitionCount: 1,
            options: ["compression.type": name]
        )
        for sent in CompressionCodec.allCases {
            #expect(try produce(batch(["a", "b"], sent), harness).errorCode == 0)
        }
        let found = try fetched(harness)
        #expect(found.map(\.0) == Array(repeating: codec, count: 5))
        #expect(found.map(\.1) == Array(repeating: ["a", "b"], count: 5))
        try harness.close()
    }

    @Test func `a batch that comes twice is in the log once, and what grows too large is refused`()
        throws
    {
        let harness = try APIHarness()
        try harness.broker.createTopic(
            "t",
            partitionCount: 1,
            options: ["compression.type": "uncompressed", "max.message.bytes": "2000"]
        )
        let producer = (id: Int64(7), sequence: Int32(0))
        let sent = try batch(["a"], .zstd, producer: producer)
        #expect(try produce(sent, harness).baseOffset == 0)
        #expect(try produce(sent, harness).baseOffset == 0)
        let large = try batch([String(repeating: "x", count: 3000)], .zstd)
        #expect(large.count < 2000)
        #expect(
            try produce(large, harness).errorCode == KafkaErrorCode.messageTooLarge.rawValue
        )
        #expect(try fetched(harness).map(\.1) == [["a"]])
        try harness.close()
    }

    @Test func `the log's time is told of a batch that was written again`() throws {
        let harness = try APIHarness()
        try harness.broker.createTopic(
            "t",
            partitionCount: 1,
            options: ["compression.type": "lz4", "message.timestamp.type": "LogAppendTime"]
        )
        let answer = try produce(batch(["a"]), harness)
        #expect(answer.errorCode == 0)
        #expect(answer.logAppendTimeMs > 1_767_225_600_000)
        try harness.close()
    }
}
