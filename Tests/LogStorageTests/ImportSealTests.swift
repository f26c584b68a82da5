import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// The end of an import, after which the cleaner may go to work.
@Suite struct ImportSealTests {
    @Test func `a gapped segment that is gone at the end of an import does not stop the cleaner`()
        throws
    {
        let log = try TestLog(["segment.bytes": "1024", "cleanup.policy": "compact"])
        for base in [0, 20, 21] as [UInt8] {
            var batch = TestProducer.batch([String(repeating: "x", count: 900)], from: nil, at: 1)
            batch.replaceSubrange(0..<8, with: [0, 0, 0, 0, 0, 0, 0, base])
            _ = try batch.withUnsafeMutableBytes { try log.log.append($0, origin: .imported) }
        }
        try log.flush()
        #expect(log.log.state.withLock { $0.importedWithGaps } == [.zero])
        try log.data.groups.deleteRecords(of: log.log, before: Offset(20))
        #expect(
            log.log.state.withLock { $0.segments.map(\.baseOffset) } == [20, 21].map { Offset($0) }
        )
        try log.log.sealImport()
        #expect(log.log.state.withLock { $0.importedWithGaps }.isEmpty)
        #expect(try log.records().map(\.offset) == [20, 21])
    }

    /// Two segments, the first with a gap, of which nothing was flushed in its own file.
    private func imported() throws -> TestLog {
        let log = try TestLog(["segment.bytes": "1024"])
        for base in [0, 20, 21] as [UInt8] {
            var batch = TestProducer.batch([String(repeating: "x", count: 400)], from: nil, at: 1)
            batch.replaceSubrange(0..<8, with: [0, 0, 0, 0, 0, 0, 0, base])
            _ = try batch.withUnsafeMutableBytes { try log.log.append($0, origin: .imported) }
        }
        try log.flush()
        return log
    }

    @Test func `a segment that an import enters is on the disk, whatever the journal is good for`()
        throws
    {
        let log = try imported()
        try log.log.sealImport()
        let again = try log.afterPowerLoss()
        #expect(try again.records().map(\.offset) == [0, 20, 21])
        #expect(again.log.readOnlyReason == nil)
    }

    @Test func `a segment that could not be flushed is not entered`() throws {
        let log = try imported()
        let fault = DiskFault(.operation(.sync), onPathEnding: "/00000000000000000000.log")
        try log.simulated.inject(fault)
        #expect(throws: LogStorageError.self) { try log.log.sealImport() }
        #expect(log.log.readOnlyReason != nil)
        let entered = "\(TestLog.directory)/\(CompactedSegments.fileName)"
        #expect(try log.simulated.kind(of: entered) == nil)
    }
}
