import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// The last group of a journal file that another file follows: it was whole, and what is bad of it
/// is damage.
@Suite struct JournalTailTests {
    private static var journal: JournalConfiguration {
        var journal = JournalConfiguration.small
        journal.fileByteCount = 6 << 10
        journal.zeroedByteCount = 1 << 10
        return journal
    }

    private static let file = "\(TestLog.journalFolder)/1.journal"

    /// Partition 1 has a record, partition 0 so many that the first journal file is full; nothing
    /// was written back.
    private func filled() throws -> SimulatedDisk {
        let test = try TestLog(partitions: 2, journal: Self.journal)
        test.data.groups.onFull { nil }
        try test.append(["other"], to: 1)
        try test.flush()
        func fileCount() throws -> Int {
            try test.disk.list(TestLog.journalFolder).count { $0.hasSuffix(".journal") }
        }
        while try fileCount() < 2 {
            try test.append(["one"], to: 0)
            try test.flush()
        }
        return try test.simulated.withoutUnflushed()
    }

    private func lastGroup(_ disk: SimulatedDisk) throws -> FoundGroup {
        try disk.content(Self.file).withUnsafeBytes { raw in
            let header = try #require(JournalFileHeader(raw))
            return try #require(JournalFileScan(raw, header, replayFrom: 1).groups.last)
        }
    }

    @Test func `its table tells whose it was, and the other partitions go on`() throws {
        let disk = try filled()
        let position = try lastGroup(disk).payloadPosition
        let bad = disk.flipped(Self.file, bit: (position + 70) * 8)
        let report = try LogVerifier.verify(disk: bad, directory: TestLog.root)
        #expect(report.findings.contains { $0.file.hasSuffix("1.journal") })
        let again = try TestLog(opening: bad, journal: Self.journal)
        #expect(again.data.notes.contains { $0.contains("1.journal, byte") })
        try again.append(["more"], to: 1)
        #expect(throws: LogStorageError.self) { try again.append(["more"], to: 0) }
        #expect(again.logs[0].readOnlyReason != nil && again.logs[1].readOnlyReason == nil)
    }

    @Test func `with a bad table every partition is read-only`() throws {
        let disk = try filled()
        let position = try lastGroup(disk).payloadPosition
        let bad = disk.flipped(Self.file, bit: (position - 5) * 8)
        let again = try TestLog(opening: bad, journal: Self.journal)
        for partition in 0..<2 {
            #expect(throws: LogStorageError.self) { try again.append(["more"], to: partition) }
        }
    }
}
