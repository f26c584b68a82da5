import Bytes
import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// A flush of the segments themselves that comes while a group is written which then does not
/// count: the next group must vouch for all of it, in order.
@Suite struct BulkBesideGroupTests {
    /// How a group ends that is not written.
    enum Step: CaseIterable {
        case bulkFlushedBefore
        case bulkBeginsBeforeAndEndsAfter
    }

    @Test(arguments: Step.allCases, [100_000_000, 30_000])
    func `a bulk flush takes over what a group could not write`(
        step: Step,
        segmentByteLimit: Int
    ) throws {
        let disk = GatedDisk(gating: ".log")
        let log = try TestLog(["segment.bytes": "\(segmentByteLimit)"], disk: disk)
        try log.append(["a"])
        try log.flush()
        try log.append(["b"])
        let part = try #require(log.log.takePart())
        #expect(part.taken.ranges.count == 1)
        for text in ["c", "d", "e"] {
            try log.append([String(repeating: text, count: 20_000)])
        }
        switch step {
        case .bulkFlushedBefore:
            #expect(log.log.syncBulk() == nil)
            log.log.groupWasNotWritten()
        case .bulkBeginsBeforeAndEndsAfter:
            disk.close()
            let flush = ThreadGroup()
            flush.start { _ = log.log.syncBulk() }
            disk.waitUntilOneWaits()
            log.log.groupWasNotWritten()
            disk.open()
            flush.wait()
        }
        try log.flush()
        let acknowledged = try log.records()
        #expect(acknowledged.count == 5)
        log.data.release()
        let again = try TestLog(opening: disk)
        #expect(try again.records() == acknowledged)
        #expect(try again.recovery?.damage == nil)
        #expect(again.log.readOnlyReason == nil)
    }

    /// The group comes back while the flush is under way that then cannot begin, or behind it.
    @Test(arguments: [true, false])
    func `a bulk flush that cannot begin gives back what it took over from a group`(
        groupEndsFirst: Bool
    ) throws {
        let disk = HookedDisk()
        let log = try TestLog(disk: disk)
        try log.append(["a"])
        let part = try #require(log.log.takePart())
        #expect(part.taken.ranges.count == 1)
        for text in ["c", "d"] { try log.append([String(repeating: text, count: 20_000)]) }
        let partition = log.log
        disk.onFileOperation { operation, path in
            guard operation == .syncDirectory, path == TestLog.directory else { return nil }
            if groupEndsFirst { partition.groupWasNotWritten() }
            return .failed(operation: "open", path: path, errorNumber: 24, message: "planned")
        }
        #expect(log.log.syncBulk() != nil)
        if !groupEndsFirst { log.log.groupWasNotWritten() }
        disk.onFileOperation(nil)
        try log.flush()
        #expect(try log.records().count == 3)
        // What was acknowledged lies where a power loss does not reach it.
        let again = try TestLog(opening: HookedDisk(disk.disk.withoutUnflushed()))
        #expect(try again.records().count == 3)
        #expect(again.log.readOnlyReason == nil)
    }

    @Test func `ranges that go backwards are no group`() {
        let key = PartitionKey(topicID: UniqueID(high: 1, low: 2), partition: PartitionIndex(0))
        func isRead(_ positions: [Int64]) -> Bool {
            let entry = JournalEntry(
                partition: key,
                logStart: .zero,
                end: Offset(3),
                ranges: positions.map {
                    JournalRange(
                        segment: .zero,
                        position: $0,
                        byteCount: 10,
                        isInRecord: false
                    )
                }
            )
            let bytes = JournalRecord.encode(
                sequence: 1,
                position: 4096,
                salt: 7,
                entries: [entry],
                payload: [[]]
            )
            return bytes.withUnsafeBytes { record in
                guard let head = JournalRecord.head(record, at: 4096) else { return false }
                return JournalRecord.entries(record, head) == [entry]
            }
        }
        #expect(isRead([0, 10, 20]))
        #expect(!isRead([20, 0]))
        #expect(!isRead([0, 5]))
    }
}
