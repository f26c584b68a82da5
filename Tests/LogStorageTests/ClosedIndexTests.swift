import Bytes
import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// The index files of closed segments: written whole, and believed where they are.
@Suite struct ClosedIndexTests {
    private static let first = "\(TestLog.directory)/00000000000000000000"
    private static let options = ["segment.ms": "1000", "index.interval.bytes": "150"]

    private func expectWhole(_ disk: SimulatedDisk) throws {
        let report = try LogVerifier.verify(disk: disk, directory: TestLog.root)
        #expect(report.findings.isEmpty, "\(report.findings)")
    }

    /// Four batches, of which the last ones have no index entry; the index files are written when a
    /// transaction was aborted.
    private func begun(_ test: TestLog) throws -> Int64 {
        let start = test.time.wallTime().rawValue
        let producer = TestProducer(7, isTransactional: true)
        try test.append(["a"], from: producer, at: start)
        try test.end(producer, .abort)
        for index in 1...3 { try test.append(["b"], at: start + Int64(index) * 10) }
        try test.flush()
        return start
    }

    private func expectFound(_ start: Int64, _ test: TestLog) throws {
        let offset = try test.log.offset(
            forTimestamp: Timestamp(start + 25),
            isolation: .readUncommitted
        )
        #expect(offset == Offset(4))
    }

    @Test(arguments: [false, true])
    func `a segment that was written back whole keeps its last time when it is closed`(
        byHousekeeping: Bool
    ) throws {
        let test = try TestLog(Self.options)
        let start = try begun(test)
        try test.data.writeBack(all: true)
        if byHousekeeping {
            test.time.advance(milliseconds: 5_000)
            _ = try test.log.retentionStart(now: test.time.wallTime())
        } else {
            try test.append(["c"], at: start + 5_000)
        }
        try expectFound(start, test)
        try test.close()
        try expectWhole(try test.simulated.copy())
        try expectFound(start, try test.killed())
        #expect(test.log.state.withLock { $0.segments.first?.index } == nil)
    }

    @Test func `so does one that is closed while it is written back`() throws {
        let disk = GatedDisk(gating: ".log")
        let test = try TestLog(Self.options, disk: disk)
        let start = try begun(test)
        disk.close()
        let writing = ThreadGroup()
        writing.start { try? test.data.writeBack(all: true) }
        disk.waitUntilOneWaits()
        try test.append(["c"], at: start + 5_000)
        disk.open()
        writing.wait()
        try test.flush()
        try test.close()
        try expectWhole(disk.disk.copy())
        try expectFound(start, try TestLog(opening: disk.disk.copy()))
    }

    @Test func `a last time that an older program left out is told, and made anew`() throws {
        let test = try TestLog(Self.options)
        let start = try begun(test)
        try test.append(["c"], at: start + 5_000)
        try test.flush()
        try test.close()
        let disk = try test.simulated.copy()
        let path = "\(Self.first).timeindex"
        let whole = try disk.content(path)
        try disk.open(path, .readWrite).truncate(to: Int64(whole.count - 12))
        let findings = try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
        #expect(findings.map(\.severity) == [.note] && findings.map(\.file) == [path])
        let again = try TestLog(opening: disk)
        try expectFound(start, again)
        try again.close()
        #expect(try disk.content(path) == whole)
    }

    @Test func `index files that are missing are there again after a start that made them anew`()
        throws
    {
        let test = try TestLog(["segment.bytes": "1024", "index.interval.bytes": "150"])
        for index in 0..<20 { try test.append(["\(index) " + String(repeating: "x", count: 80)]) }
        try test.flush()
        try test.close()
        let disk = try test.simulated.copy()
        for kind in [".index", ".timeindex", ".txnindex"] {
            try disk.remove("\(Self.first)\(kind)")
            disk.releaseLocks()
            let again = try TestLog(opening: disk)
            #expect(try again.records().count == 20)
            #expect(try again.recovery?.rebuiltIndexes ?? 0 > 0)
            try again.close()
            #expect(try disk.kind(of: "\(Self.first)\(kind)") == .file)
            try expectWhole(disk)
            disk.releaseLocks()
            #expect(try TestLog(opening: disk).recovery?.rebuiltIndexes == 0)
        }
    }

    @Test func `so are those of a segment without batches`() throws {
        let options = [
            "cleanup.policy": "compact", "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0",
        ]
        let test = try TestLog(options)
        for index in 0..<40 { try test.append(["\(index) " + String(repeating: "x", count: 80)]) }
        try test.flush()
        try test.data.writeBack(all: false)
        // Without keys nothing is kept of what is cleaned.
        _ = try test.log.clean { _ in true }
        try test.close()
        let disk = try test.simulated.copy()
        let empty = try #require(
            test.files(".log").first { try disk.content("\(TestLog.directory)/\($0)").isEmpty }
        ).dropLast(4)
        for kind in [".index", ".timeindex", ".txnindex"] {
            try disk.append([0, 0, 0, 0], to: "\(TestLog.directory)/\(empty)\(kind)")
            for _ in 0..<2 {
                disk.releaseLocks()
                let again = try TestLog(opening: disk)
                _ = try again.recovery
                try again.close()
            }
            try expectWhole(disk)
        }
    }

    @Test func `segments without timestamps are believed`() throws {
        let test = try TestLog(["segment.bytes": "4096"])
        for index in 0..<40 {
            try test.append([String(repeating: "x", count: 500) + "\(index)"], at: -1)
        }
        try test.flush()
        try test.close()
        let report = try test.killed().recovery
        #expect(report?.rebuiltIndexes == 0)
        #expect(report.map { $0.scannedByteCount < 4096 } == true)
    }

    @Test func `an emptied time index is not one of a segment without timestamps`() throws {
        let test = try TestLog(Self.options)
        let start = try begun(test)
        try test.append(["c"], at: start + 5_000)
        try test.flush()
        try test.close()
        let disk = try test.simulated.copy()
        try disk.open("\(Self.first).timeindex", .readWrite).truncate(to: 0)
        try expectFound(start, try TestLog(opening: disk))
    }

    /// Each aborted transaction of a closed segment is held against the batches; all of them
    /// together take no more than a reading of the segment does.
    @Test func `a start reads a segment of aborted transactions a few times at most`() throws {
        let test = try TestLog(
            ["segment.bytes": "200000", "index.interval.bytes": "4096"],
            journal: JournalConfiguration()
        )
        for index in 0..<3000 {
            let producer = TestProducer(Int64(index % 50), isTransactional: true)
            producer.sequence = Int32(index / 50)
            try test.append(["a"], from: producer)
            try test.end(producer, .abort)
        }
        try test.flush()
        try test.close()
        let left = try test.simulated.copy()
        let disk = HookedDisk(left)
        let readByteCount = Lock(0)
        disk.onReading { path, count in
            if path.hasSuffix(".log") { readByteCount.withLock { $0 += count } }
        }
        let again = try TestLog(opening: disk)
        #expect(try again.recovery?.rebuiltIndexes == 0)
        let size = try left.list(TestLog.directory).filter { $0.hasSuffix(".log") }
            .reduce(0) { $0 + (try left.content("\(TestLog.directory)/\($1)").count) }
        let read = readByteCount.withLock { $0 }
        #expect(read > 0 && read < 5 * size, "\(read) bytes read, \(size) there")
    }
}
