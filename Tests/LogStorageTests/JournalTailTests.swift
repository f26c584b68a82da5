import LogModel
import MillraceTestKit
import Testing
import Threads

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

    /// A length is a number in the file system, and no proof that there are so many bytes.
    @Test(arguments: [true, false])
    func `a file that was made longer is read as far as it was written`(hasHeader: Bool) throws {
        let disk = try filled()
        let whole = try disk.content(Self.file)
        let long = disk.copy()
        if !hasHeader {
            let file = try long.open(Self.file, .readWrite)
            try [UInt8](repeating: 0, count: 8).withUnsafeBytes { try file.write($0, at: 0) }
            file.close()
        }
        let far = LongFile(try long.open(Self.file, .read), byteCount: 300 << 30)
        let bytes = try JournalContent.bytes(of: far)
        #expect(bytes.count == (hasHeader ? whole.count : 1 << 30))
        #expect(far.largestRead <= 1 << 30)
    }
}

/// A file that tells another length than it has.
private final class LongFile: DiskFile {
    private let file: any DiskFile
    private let told: Int64
    private let largest = Lock(0)

    init(_ file: any DiskFile, byteCount: Int64) {
        self.file = file
        told = byteCount
    }

    var largestRead: Int { largest.withLock { $0 } }

    func read(
        into bytes: UnsafeMutableRawBufferPointer,
        at position: Int64
    ) throws(DiskError) -> Int {
        largest.withLock { $0 = max($0, bytes.count) }
        _ = try file.read(into: bytes, at: position)
        return bytes.count
    }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(DiskError) {
        try file.write(bytes, at: position)
    }
    func truncate(to byteCount: Int64) throws(DiskError) { try file.truncate(to: byteCount) }
    func byteCount() throws(DiskError) -> Int64 { told }
    func sync() throws(DiskError) { try file.sync() }
    func close() { file.close() }
}
