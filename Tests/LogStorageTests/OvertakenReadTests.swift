import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// A read under which records are deleted.
@Suite struct OvertakenReadTests {
    @Test func `a read that a deletion overtakes says that the offset is gone`() throws {
        let disk = HookedDisk()
        var journal = JournalConfiguration.small
        journal.openFileLimit = 1
        let test = try TestLog(["segment.bytes": "1024"], disk: disk, journal: journal)
        for index in 0..<80 { try test.append([String(repeating: "x", count: 200) + "\(index)"]) }
        try test.flush()
        try test.data.writeBack(all: true)
        // The first segment's index is in no memory any more, nor is its file open.
        for offset in stride(from: Int64(75), to: 0, by: -3) { _ = try read(test, offset) }
        let isDone = Lock(false)
        disk.onOpening { path in
            guard path.hasSuffix(".index"),
                isDone.withLock({ done in
                    defer { done = true }; return !done
                })
            else { return }
            do { try test.data.groups.deleteRecords(of: test.log, before: Offset(60)) } catch {
                Issue.record("\(error)")
            }
        }
        #expect(throws: LogStorageError.offsetOutOfRange) { try read(test, 0) }
        #expect(isDone.withLock { $0 })
        #expect(try read(test, 60) > 0)
    }

    /// The marker of an aborted transaction goes with its segment, and the entry with the marker.
    @Test func `records whose end is deleted under the read are told as aborted all the same`()
        throws
    {
        let disk = HookedDisk()
        let test = try TestLog(["segment.bytes": "1024"], disk: disk)
        let producer = TestProducer(7, isTransactional: true)
        try test.append([String(repeating: "x", count: 900)], from: producer)
        for index in 0..<20 { try test.append([String(repeating: "y", count: 200) + "\(index)"]) }
        try test.end(producer, .abort)
        for index in 0..<20 { try test.append([String(repeating: "z", count: 200) + "\(index)"]) }
        try test.flush()
        try test.data.writeBack(all: true)
        let end = try test.log.bounds.logEnd
        let isDone = Lock(false)
        disk.onReading { path, byteCount in
            guard path.hasSuffix("/00000000000000000000.log"), byteCount > 900,
                isDone.withLock({ done in
                    defer { done = true }; return !done
                })
            else { return }
            do { try test.data.groups.deleteRecords(of: test.log, before: end) } catch {
                Issue.record("\(error)")
            }
        }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let result = try buffer.withUnsafeMutableBytes {
            try test.log.read(
                from: .zero,
                maxByteCount: 4096,
                isolation: .readCommitted,
                into: $0
            )
        }
        #expect(isDone.withLock { $0 })
        #expect(result.byteCount > 900)
        #expect(result.abortedTransactions.map(\.producerID) == [ProducerID(7)])
    }

    private func read(_ test: TestLog, _ offset: Int64) throws -> Int {
        var buffer = [UInt8](repeating: 0, count: 4096)
        return try buffer.withUnsafeMutableBytes {
            try test.log.read(
                from: Offset(offset),
                maxByteCount: 4096,
                isolation: .readUncommitted,
                into: $0
            ).byteCount
        }
    }
}
