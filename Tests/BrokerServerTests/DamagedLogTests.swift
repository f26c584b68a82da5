import Broker
import BrokerAPI
import Foundation
import KafkaWire
import LogModel
import LogStorage
import Testing

/// What clients are told of records that are not there any more, or not as they were written.
@Suite struct DamagedLogTests {
    private static let storageError = KafkaErrorCode.kafkaStorageError.rawValue
    /// Four batches a segment, each with an entry in the index.
    private static let small = [
        "segment.bytes": "2048", "index.interval.bytes": "1", "retention.ms": "-1",
    ]
    private let name = TopicPartition("t", PartitionIndex(0))

    /// A log of some batches that was closed in order, and whose first file `damage` has changed
    /// since.
    private func damaged(
        batches: Int = 3,
        options: [String: String] = [:],
        _ damage: (inout Data) -> Void
    ) throws -> APIHarness {
        let before = try APIHarness()
        try before.broker.createTopic("t", partitionCount: 1, options: options)
        for number in 0..<batches {
            var builder = RecordBatchBuilder(capacity: 256)
            let value = "value \(number)" + String(repeating: "x", count: 400)
            Array(value.utf8).withUnsafeBytes { bytes in
                builder.append(timestamp: Timestamp(1_700_000_000_000), key: nil, value: bytes)
            }
            let outcome = try before.broker.produce(
                batch: builder.seal(
                    attributes: BatchAttributes(),
                    producerID: .none,
                    producerEpoch: .none,
                    baseSequence: .none
                ),
                to: name,
                transactionalID: nil,
                flush: true
            )
            guard case .appended = outcome else {
                Issue.record("\(outcome)")
                continue
            }
        }
        try before.broker.close()
        let file = URL(filePath: before.directory + "/t-0/00000000000000000000.log")
        var bytes = try Data(contentsOf: file)
        damage(&bytes)
        try bytes.write(to: file)
        return try APIHarness(reopening: before.directory)
    }

    private func fetch(_ offset: Int64, _ harness: APIHarness) throws -> (Int16, Int) {
        let answer = try harness.ask(
            FetchRequest(
                maxWaitMs: 0,
                minBytes: 1,
                maxBytes: 1 << 20,
                sessionEpoch: -1,
                topics: [
                    .init(
                        topic: "t",
                        partitions: [
                            .init(partition: 0, fetchOffset: offset, partitionMaxBytes: 1 << 20)
                        ]
                    )
                ]
            ),
            1,
            12,
            as: FetchResponse.self
        )
        let partition = try #require(answer.responses.first?.partitions.first)
        return (partition.errorCode, partition.records?.count ?? 0)
    }

    private func end(_ time: Int64, _ harness: APIHarness) throws -> Int16 {
        let answer = try harness.ask(
            ListOffsetsRequest(
                topics: [
                    .init(name: "t", partitions: [.init(partitionIndex: 0, timestamp: time)])
                ]
            ),
            2,
            7,
            as: ListOffsetsResponse.self
        )
        return try #require(answer.topics.first?.partitions.first).errorCode
    }

    /// A start does not read closed segments again, and not every client looks at checksums.
    @Test func `a batch whose checksum is wrong is served to nobody`() throws {
        var length = 0
        let harness = try damaged(batches: 10, options: Self.small) { bytes in
            length = bytes.count / 4
            bytes[length + 90] ^= 1
        }
        #expect(try fetch(0, harness) == (0, length))
        #expect(harness.broker.topic("t")?.partitions.first?.log.recoveryReport?.damage == nil)
        #expect(try fetch(1, harness) == (Self.storageError, 0))
        let behind = try fetch(2, harness)
        #expect(behind.0 == 0 && behind.1 >= 2 * length, "\(behind) of \(length)")
        try harness.close()
    }

    /// Once the file is put back they are there again: who took them for deleted would begin anew.
    @Test func `what is lost is an error that may pass, and not the end of the log`() throws {
        let harness = try damaged { $0.removeLast($0.count / 3 + 10) }
        #expect(try fetch(0, harness).0 == 0)
        for offset in [Int64(1), 2, 3] {
            #expect(try fetch(offset, harness).0 == Self.storageError, "\(offset)")
        }
        #expect(try end(-1, harness) == Self.storageError)
        #expect(try end(-2, harness) == 0)
        try harness.close()
    }

    /// What is told of a partition that sleeps is what was known at the end.
    @Test func `the first who asks is told of it too, and so is who asks by epoch or by time`()
        throws
    {
        let before = try damaged(batches: 10, options: Self.small) { _ in }
        try before.broker.close()
        let folder = before.directory + "/t-0/"
        let segments = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".log") }.sorted()
        try FileManager.default.removeItem(atPath: folder + segments[0])
        let harness = try APIHarness(reopening: before.directory)
        #expect(try fetch(0, harness).0 == Self.storageError)
        #expect(try fetch(5, harness).0 == 0)
        #expect(try end(0, harness) == Self.storageError)
        #expect(try end(-3, harness) == Self.storageError)
        #expect(try end(-1, harness) == 0)
        try harness.close()
    }

    @Test func `a position behind the end of a sound log is out of range as ever`() throws {
        let harness = try damaged { _ in }
        #expect(try fetch(3, harness) == (0, 0))
        #expect(try fetch(4, harness).0 == KafkaErrorCode.offsetOutOfRange.rawValue)
        #expect(try end(-1, harness) == 0)
        try harness.close()
    }
}
