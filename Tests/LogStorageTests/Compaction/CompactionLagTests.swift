import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// `min.compaction.lag.ms` where records have no time: the age of their file counts.
@Suite struct CompactionLagTests {
    private static let options = [
        "cleanup.policy": "compact", "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0",
        "max.message.bytes": "512", "min.compaction.lag.ms": "10000",
    ]

    private let disk = HookedDisk()
    private let log: TestLog

    init() throws { log = try TestLog(Self.options, disk: disk) }

    /// Whether a round finds something, with files written so many milliseconds ago.
    private func cleans(fileAge: Int64?, recordsAt timestamp: Int64?) throws -> Bool {
        for number in 0..<40 {
            try log.append(number, key: "same", at: timestamp)
        }
        try log.flush()
        try log.data.writeBack(all: false)
        let now = log.time.wallTime().rawValue
        disk.setModificationTime(fileAge.map { Timestamp(now - $0) })
        return try log.log.clean { _ in true }
    }

    @Test func `records without a time are as old as their file`() throws {
        #expect(try !cleans(fileAge: 9_000, recordsAt: -1))
        #expect(try cleans(fileAge: 11_000, recordsAt: -1))
    }

    /// Else cleaning would make records without a time younger, and retention never come to them.
    @Test func `a cleaned segment is as old as what it was made of`() throws {
        #expect(try cleans(fileAge: 11_000, recordsAt: -1))
        let given = disk.givenModificationTimes
        let time = Timestamp(log.time.wallTime().rawValue - 11_000)
        #expect(!given.isEmpty)
        #expect(given.allSatisfy { $0.key.hasSuffix(".log.cleaned") && $0.value == time })
    }

    @Test func `where nobody knows its time either, they are left alone`() throws {
        #expect(try !cleans(fileAge: nil, recordsAt: -1))
    }

    @Test func `where records have a time, the file's does not count`() throws {
        #expect(try !cleans(fileAge: 11_000, recordsAt: nil))
    }
}
