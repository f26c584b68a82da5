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
}
