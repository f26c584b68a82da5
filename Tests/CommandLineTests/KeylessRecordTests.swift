import DirectoryAccess
import LogClient
import LogModel
import Terminal
import Testing

@testable import ClientCommands

/// Where records without a key go.
@Suite struct KeylessRecordTests {
    /// Notes which partitions are written to.
    private final class NotingSink: RecordSink {
        let place = LogPlace.directory("d")
        var written: [Int32] = []

        func outputTopic(_ name: String) throws(CommandFailure) -> OutputTopic {
            throw CommandFailure("nobody asks for it")
        }

        func makeProducerID() throws(CommandFailure) -> (ProducerID, ProducerEpoch) {
            (ProducerID(1), ProducerEpoch(0))
        }

        func append(
            _ batch: UnsafeMutableRawBufferPointer,
            of producer: ProducerID,
            to partition: TopicPartition
        ) throws(AppendFailure) { written.append(partition.partition.rawValue) }

        func flush(_ partitions: [TopicPartition]) throws(CommandFailure) {}

        func isStillThere(_ topic: OutputTopic) throws(CommandFailure) -> Bool { true }
    }

    private func written(leaderless: Set<Int32>, random: UInt64) throws -> Set<Int32> {
        let sink = NotingSink()
        let topic = OutputTopic(
            name: "t",
            id: nil,
            partitions: (0..<4).map { TopicPartition("t", PartitionIndex($0)) },
            largestBatch: 1 << 20,
            leaderless: leaderless
        )
        let producer = try IdempotentProducer(
            log: sink,
            topic: topic,
            codec: .none,
            room: RecordRoom(topicByteCount: 1 << 20, isCompressed: false, raising: "nothing"),
            random: random
        )
        let value = [UInt8](repeating: 1, count: 9 << 10)
        for _ in 0..<20 {
            try value.withUnsafeBytes { value in
                try producer.add(
                    key: nil,
                    value: value,
                    headers: nil,
                    to: nil,
                    at: Timestamp(1),
                    from: InputPlace(unit: "line", number: 1, input: "input")
                )
            }
        }
        try producer.finish()
        return Set(sink.written)
    }

    @Test(arguments: 0..<5 as Range<UInt64>)
    func `a partition that nobody leads gets none`(random: UInt64) throws {
        #expect(try written(leaderless: [], random: random) == [0, 1, 2, 3])
        #expect(try written(leaderless: [1, 3], random: random) == [0, 2])
        // Of none with a leader, one may get it soon.
        #expect(try written(leaderless: [0, 1, 2, 3], random: random) == [0, 1, 2, 3])
    }
}
