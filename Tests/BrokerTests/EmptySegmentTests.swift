import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

@testable import Broker

/// Compaction leaves segments without a batch: whoever reads steps over them, however many.
@Suite struct EmptySegmentTests {
    private let name = TopicPartition("t", PartitionIndex(0))

    /// A cleaned topic of forty segments, of which hardly any has a record left.
    private func cleaned() throws -> LogHarness {
        let log = try LogHarness()
        try log.broker.createTopic(
            "t",
            partitionCount: 1,
            options: ["cleanup.policy": "compact", "segment.bytes": "1024"]
        )
        for number in 0..<40 {
            var batch = RecordBatchBuilder()
            let key = Array("\(number % 2)".utf8)
            let value = Array("\(number) ".utf8) + [UInt8](repeating: 0x61, count: 600)
            key.withUnsafeBytes { key in
                value.withUnsafeBytes {
                    batch.append(timestamp: log.time.wallTime(), key: key, value: $0)
                }
            }
            let bytes = batch.seal(
                producerID: ProducerID(5),
                producerEpoch: ProducerEpoch(0),
                baseSequence: SequenceNumber(Int32(number))
            )
            _ = try log.broker.append(bytes, to: try log.broker.find(name))
        }
        try log.broker.flush([name])
        let next = try log.reopened()
        next.broker.clean { _ in true }
        let path = "\(LogHarness.directory)/t-0"
        let empty = try next.disk.list(path).filter {
            try $0.hasSuffix(".log") && next.disk.open("\(path)/\($0)", .read).byteCount() == 0
        }
        try #require(empty.count > 20)
        return next
    }

    @Test func `a reader comes to the end over any number of them`() throws {
        let log = try cleaned()
        let numbers = try log.values("t").compactMap { $0.split(separator: " ").first }
        #expect(numbers.suffix(2) == ["38", "39"])
        let again = try log.reopened()
        #expect(try again.values("t").compactMap { $0.split(separator: " ").first } == numbers)
        // From each offset on, those that a reader sees begin no earlier.
        for offset in 0..<40 {
            let buffer = FetchBuffer(byteCount: 1 << 16)
            let result = try again.client.fetch(
                name,
                from: Offset(Int64(offset)),
                isolation: .readCommitted,
                into: buffer
            )
            #expect(result.byteCount > 0, "from \(offset)")
        }
    }

    @Test func `a replay comes to the end over them`() throws {
        let log = try cleaned()
        var replay = LogReplay()
        var last = Offset.zero
        try replay.run(over: try log.broker.find(name)) { item in
            if case .record(_, let offset, _) = item { last = offset }
            return nil
        }
        #expect(last == Offset(39))
    }

    @Test func `a verification finds no fault in them`() throws {
        let log = try cleaned()
        try log.broker.close()
        let report = try LogVerifier.verify(disk: log.disk, directory: LogHarness.directory)
        #expect(report.findings.filter { $0.severity == .damage } == [])
    }
}
