import Foundation
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What a verification says of a directory beyond damaged batches.
@Suite struct VerificationTests {
    private static let meta = "/data/meta.properties"

    private func verify(_ disk: any Disk) throws -> VerificationReport {
        try LogVerifier.verify(disk: disk, directory: TestLog.root)
    }

    private func closed(_ log: TestLog) throws -> SimulatedDisk {
        try log.close()
        return try log.simulated.copy()
    }

    @Test func `a first segment that is missing is damage`() throws {
        let log = try TestLog(["segment.bytes": "1024"])
        for number in 0..<40 { try log.append([String(repeating: "\(number)", count: 100)]) }
        try log.flush()
        let disk = try closed(log)
        #expect(try verify(disk).findings.isEmpty)
        let first = try #require(
            try disk.list(TestLog.directory).first { $0.hasSuffix(".log") }
        )
        for kind in SegmentFile.allCases {
            try PartitionFiles(disk: disk, directory: TestLog.directory)
                .removeIfPresent("\(TestLog.directory)/\(first.dropLast(4))\(kind.rawValue)")
        }
        let damage = try verify(disk).findings.filter { $0.severity == .damage }
        #expect(damage.map(\.file) == [TestLog.directory])
        #expect(damage.first?.offset == .zero)
        #expect(damage.first?.reason.contains("segments before") == true)
    }

    /// The journal has the end of it alone.
    @Test func `a last segment that is missing behind a kill is damage`() throws {
        let log = try TestLog(["segment.bytes": "1024"])
        for number in 0..<10 { try log.append([String(repeating: "\(number)", count: 400)]) }
        try log.flush()
        try log.data.writeBack(all: true)
        try log.append(["one more"])
        try log.flush()
        let disk = try log.simulated.copy()
        #expect(try verify(disk).findings.allSatisfy { $0.severity == .note })
        let last = try #require(
            try disk.list(TestLog.directory).filter { $0.hasSuffix(".log") }.max()
        )
        try PartitionFiles(disk: disk, directory: TestLog.directory)
            .removeIfPresent("\(TestLog.directory)/\(last)")
        #expect(try verify(disk).findings.contains { $0.severity == .damage })
    }

    /// Of two batches in a segment the second was flushed there, or is in the journal alone; behind
    /// it lies a segment that the journal has whole.
    @Test(arguments: [true, false])
    func `an end that is missing before a segment of the journal is damage unless it has that too`(
        isFlushed: Bool
    ) throws {
        let log = try TestLog(["segment.bytes": "1024"])
        func append(_ count: Int) throws {
            for _ in 0..<count { try log.append([String(repeating: "v", count: 400)]) }
            try log.flush()
        }
        try append(isFlushed ? 4 : 3)
        try log.data.writeBack(all: true)
        try append(isFlushed ? 1 : 2)
        let disk = try log.simulated.copy()
        #expect(try verify(disk).findings.allSatisfy { $0.severity == .note })
        let path = "\(TestLog.directory)/00000000000000000002.log"
        let bytes = try disk.content(path)
        try disk.remove(path)
        try disk.append(Array(bytes.prefix(bytes.count / 2)), to: path)
        let found = try verify(disk).findings
        #expect(found.contains { $0.severity == .damage } == isFlushed, "\(found)")
        let again = try TestLog(opening: disk)
        #expect(try again.recovery != nil)
        #expect((again.log.readOnlyReason != nil) == isFlushed)
        if !isFlushed { #expect(try again.records().count == 5) }
    }

    @Test func `records whose end was in a segment that is missing are not committed`() throws {
        let log = try TestLog(["segment.bytes": "1024"])
        let producer = TestProducer(7, isTransactional: true)
        let value = String(repeating: "v", count: 600)
        try log.append([value])
        try log.append([value])
        try log.append(["taken back"], from: producer)
        // The next segment begins with the marker's neighbours.
        try log.append([value])
        try log.end(producer, .abort)
        for _ in 0..<4 { try log.append([value]) }
        try log.flush()
        let disk = try closed(log)
        let bases = try disk.list(TestLog.directory)
            .compactMap { SegmentName.offset(in: $0, .log) }.sorted()
        let marker = try #require(bases.last { $0 <= Offset(4) })
        #expect(marker > Offset(2))
        try disk.remove("\(TestLog.directory)/\(SegmentName.base(marker)).log")
        let again = try TestLog(opening: disk)
        #expect(try again.recovery?.damage != nil)
        #expect(try again.log.bounds.lastStableOffset == Offset(2))
    }

    @Test func `a producer that was forgotten before one that ended a transaction is not missed`()
        throws
    {
        let log = try TestLog(["segment.bytes": "1024", "producer.id.expiration.ms": "4000"])
        let first = TestProducer(1, isTransactional: true)
        try log.append(["of a transaction"], from: first)
        try log.append(["alone"], from: TestProducer(2))
        log.time.advance(milliseconds: 3500)
        try log.end(first, .commit)
        log.time.advance(milliseconds: 1000)
        _ = try log.log.retentionStart(now: log.time.wallTime())
        for _ in 0..<6 { try log.append([String(repeating: "v", count: 400)]) }
        try log.flush()
        #expect(try log.log.activeProducers.map(\.producerID) == [ProducerID(1)])
        let found = try verify(try closed(log)).findings
        #expect(found.isEmpty, "\(found)")
    }

    @Test func `a time before 1970 is no later time than the header says`() throws {
        let log = try TestLog()
        try log.append(["old"], at: -5)
        try log.flush()
        #expect(try verify(try closed(log)).findings.isEmpty)
    }

    @Test func `topics of an import that was killed are told as such`() throws {
        let log = try TestLog()
        try log.append(["a"])
        try log.flush()
        let disk = try closed(log)
        try ImportLedger(disk: disk, directory: TestLog.root)
            .begin([.init(name: TestLog.topic, id: TestLog.topicID)])
        let findings = try verify(disk).findings
        #expect(findings.map(\.severity) == [.note])
        #expect(findings.first?.reason.contains("t is not whole") == true)
    }

    @Test func `a log whose beginning was deleted is whole`() throws {
        let log = try TestLog(["segment.bytes": "1024"])
        for number in 0..<40 { try log.append([String(repeating: "\(number)", count: 100)]) }
        try log.flush()
        try log.data.groups.deleteRecords(of: log.log, before: Offset(20))
        #expect(try verify(try log.simulated.copy()).findings.isEmpty)
        #expect(try verify(try closed(log)).findings.isEmpty)
    }

    /// The two bits that make the format's number that of a later one are left out: a later
    /// program's directory looks so.
    @Test func `every flipped bit of the properties is seen`() throws {
        let log = try TestLog()
        try log.append(["kept"])
        let disk = try closed(log)
        let text = String(decoding: try disk.content(Self.meta), as: UTF8.self)
        let number = try #require(text.range(of: "millrace.format="))
        let place = text.utf8.distance(from: text.startIndex, to: number.upperBound)
        for bit in 0..<(text.utf8.count * 8)
        where ![place * 8, place * 8 + 2].contains(bit) {
            let flipped = disk.flipped(Self.meta, bit: bit)
            do {
                let damage = try verify(flipped).findings.filter { $0.severity == .damage }
                #expect(damage.map(\.file) == [Self.meta], "bit \(bit)")
            } catch LogStorageError.otherFormat {}
        }
        try disk.remove(Self.meta)
        let report = try verify(disk)
        #expect(report.findings.map(\.file) == [Self.meta] && report.recordCount == 1)
    }

    @Test func `whole batches that the next start removes are counted`() throws {
        let log = try TestLog()
        try log.append(["told"])
        try log.flush()
        try log.append(["untold", "either"])
        let killed = try log.simulated.afterKill()
        let findings = try verify(killed).findings
        #expect(findings.map(\.severity) == [.note])
        #expect(findings.first?.file == TestLog.directory)
        #expect(findings.first?.offset == Offset(1))
        #expect(findings.first?.reason.hasPrefix("2 records were never acknowledged") == true)
        #expect(try TestLog(opening: killed).records().map(\.value) == ["told"])
    }

    @Test func `what a relaxed topic keeps is not said to go`() throws {
        let log = try TestLog(["millrace.durability": "relaxed"])
        try log.append(["told"])
        #expect(try verify(try log.simulated.afterKill()).findings.isEmpty)
    }

    @Test func `doubts of an earlier start are told`() throws {
        let log = try TestLog()
        try log.append(["a"])
        try log.flush()
        let disk = try closed(log)
        let files = PartitionFiles(disk: disk, directory: TestLog.root)
        let whole = try #require(DirectoryCheckpoint(try disk.content(TestLog.checkpoint)))
        for (doubt, severity) in [
            (PartitionCheckpoint.Doubt.recordsMissing, VerificationReport.Finding.Severity.damage),
            (.endUnknown, .note),
        ] {
            var changed = whole
            for key in changed.partitions.keys { changed.partitions[key]?.doubt = doubt }
            try DirectoryRecovery.store(changed, files)
            let findings = try verify(disk).findings
            #expect(findings.map(\.severity) == [severity], "\(findings)")
            #expect(findings.map(\.file) == [TestLog.directory])
        }
    }

    @Test func `where nothing can be written it is verified without the lock`() throws {
        let log = try TestLog()
        try log.append(["kept"])
        let disk = ReadOnlyDisk(disk: try closed(log))
        let report = try verify(disk)
        #expect(report.findings.isEmpty && report.recordCount == 1)
    }

    // MARK: The lock

    /// A folder of the machine's, and the path of a lock in it.
    private func withLockPath(_ body: (PosixDisk, String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-lock-\(UUID().uuidString)").path
        let disk = PosixDisk()
        try disk.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(disk, "\(folder)/lock")
    }

    @Test func `a lock file that is removed lets nobody else in`() throws {
        try withLockPath { (disk, path) in
            let held = try disk.lock(path, owner: "me")
            #expect(throws: DiskError.locked(path: path, owner: "me")) {
                try disk.lock(path, owner: "you")
            }
            #expect(throws: DiskError.locked(path: path, owner: "me")) {
                try disk.lockForReading(path)
            }
            try disk.remove(path)
            #expect(throws: DiskError.locked(path: path, owner: "an unknown process")) {
                try disk.lock(path, owner: "you")
            }
            #expect(throws: DiskError.self) { try disk.lockForReading(path) }
            held.close()
            try disk.lock(path, owner: "you").close()
        }
    }

    @Test func `who only reads keeps owners out and writes nothing`() throws {
        try withLockPath { (disk, path) in
            let held = try #require(try disk.lockForReading(path))
            #expect(try disk.kind(of: path) == nil)
            #expect(throws: DiskError.self) { try disk.lock(path, owner: "you") }
            held.close()
            try disk.lock(path, owner: "a longer name").close()
            try disk.lock(path, owner: "a name").close()
            let file = try disk.open(path, .read)
            #expect(try file.byteCount() == 6)
        }
    }
}

/// A disk that lets nobody write.
private struct ReadOnlyDisk: Disk {
    let disk: SimulatedDisk

    private func refusal(_ path: String) -> DiskError {
        .failed(
            operation: "open",
            path: path,
            errorNumber: EROFS,
            message: "Read-only file system"
        )
    }

    func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        guard mode == .read else { throw refusal(path) }
        return try disk.open(path, mode)
    }
    func list(_ path: String) throws(DiskError) -> [String] { try disk.list(path) }
    func kind(of path: String) throws(DiskError) -> DiskEntryKind? { try disk.kind(of: path) }
    func modificationTime(of path: String) throws(DiskError) -> Timestamp? { nil }
    func setModificationTime(of path: String, to time: Timestamp) throws(DiskError) {
        throw refusal(path)
    }
    func freeByteCount(at path: String) throws(DiskError) -> Int64 { 0 }
    func totalByteCount(at path: String) throws(DiskError) -> Int64 { 0 }
    func randomNumber() -> UInt64 { 0 }
    func createDirectory(_ path: String) throws(DiskError) { throw refusal(path) }
    func rename(_ path: String, to newPath: String) throws(DiskError) { throw refusal(path) }
    func remove(_ path: String) throws(DiskError) { throw refusal(path) }
    func removeDirectory(_ path: String) throws(DiskError) { throw refusal(path) }
    func syncDirectory(_ path: String) throws(DiskError) { throw refusal(path) }
    func lock(_ path: String, owner: String) throws(DiskError) -> any DiskLock {
        throw refusal(path)
    }
}
