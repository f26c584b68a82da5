import Broker
import Bytes
import DirectoryAccess
import Foundation
import KafkaDirectory
import LogModel
import LogStorage
import MillraceTestKit
import Testing

@testable import DirectoryCommands

/// A batch whose header claims another largest time than its records have.
@Suite struct HeaderTimeTests {
    /// One field of a whole batch made another one, its checksum mended.
    struct Change: CustomTestStringConvertible, Sendable {
        var words: String
        var at: Int
        var bytes: [UInt8]
        /// Whether the header then claims too early a time.
        var understates = true
        var testDescription: String { words }

        init(_ words: String, at: Int, _ value: Int64, understates: Bool = true) {
            self.words = words
            self.at = at
            self.understates = understates
            bytes = withUnsafeBytes(of: value.bigEndian) { Array($0) }
        }

        func applied(to batch: [UInt8]) -> [UInt8] {
            var changed = batch
            changed.replaceSubrange(at..<at + bytes.count, with: bytes)
            let sum = changed[RecordBatchLayout.attributes...].withUnsafeBytes { crc32c($0) }
            changed.withUnsafeMutableBytes { bytes in
                bytes.baseAddress?.storeBigEndian(sum, at: RecordBatchLayout.checksum)
            }
            return changed
        }

        /// The time of the first record made a later one, by its delta.
        static let laterRecord = {
            var change = Change("a record of a later time", at: 63, 0)
            change.bytes = [0x58]
            return change
        }()

        static let all = [
            Change("maxTimestamp 0", at: RecordBatchLayout.maxTimestamp, 0),
            Change("maxTimestamp -1", at: RecordBatchLayout.maxTimestamp, -1),
            Change("maxTimestamp a little less", at: RecordBatchLayout.maxTimestamp, 1),
            Change(
                "maxTimestamp the largest",
                at: RecordBatchLayout.maxTimestamp,
                .max,
                understates: false
            ),
            Change("baseTimestamp the largest", at: RecordBatchLayout.baseTimestamp, .max),
            laterRecord,
        ]
    }

    @Test(arguments: Change.all, [false, true])
    func `what was imported is no damage, whatever times the headers claimed`(
        change: Change,
        isRaw: Bool
    ) throws {
        let claimed = change.applied(to: Maker.batch(0, values: "a", "b"))
        let harness = try ImportHarness()
        try harness.maker.partition("t-0", [0: [claimed, Maker.batch(2, values: "c")]])
        let kafka = try KafkaDirectory.open(disk: harness.disk, path: harness.maker.path)
        let partition = try #require(kafka.partitions.first)
        let survey = try PartitionSurvey(partition, disk: harness.disk)
        #expect(!survey.isDamaged)
        #expect(survey.findings.count == (change.understates ? 1 : 0), "\(survey.findings)")
        try harness.bring(raw: isRaw) { (log) throws in
            let claims = try ImportHarness.largestTimestamps(log, "t-0")
            let times = try ImportHarness.records(log, "t-0").prefix(2).compactMap { record in
                record.split(separator: "@").last.flatMap { Int64($0) }
            }
            let asItLay = claimed.withUnsafeBytes { bytes in
                bytes.baseAddress?.bigEndian(Int64.self, at: RecordBatchLayout.maxTimestamp)
            }
            #expect(claims.first == (isRaw ? asItLay : times.max()))
        }
        let report = try LogVerifier.verify(disk: PosixDisk(), directory: harness.target)
        #expect(!report.findings.contains { $0.severity == .damage }, "\(report.findings)")
        let notes = report.findings.filter { $0.reason.contains("a later time") }
        #expect(notes.count == (isRaw && change.understates ? 1 : 0), "\(report.findings)")
    }
}
