import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What a log start that is not durable would free stays; a lookup answers with no later record
/// where it met damage.
@Suite struct DurableStartTests {
    private func log() throws -> TestLog {
        let log = try TestLog(["segment.bytes": "1024", "index.interval.bytes": "128"])
        for number in 0..<12 {
            try log.append(
                ["\(number) " + String(repeating: "x", count: 300)],
                at: 1_700_000_000_000 + Int64(number)
            )
        }
        try log.flush()
        try log.data.writeBack(all: true)
        return log
    }

    @Test func `segments before a log start that no group says stay`() throws {
        let log = try log()
        let before = try log.records()
        try log.simulated.inject(DiskFault(.operation(.sync), onPathEnding: ".journal"))
        #expect(throws: LogStorageError.self) {
            try log.data.groups.deleteRecords(of: log.log, before: Offset(8))
        }
        try log.log.removeSegmentsBeforeLogStart()
        let again = try log.afterPowerLoss()
        #expect(try again.records() == before)
        #expect(try again.recovery?.damage == nil)
        #expect(again.log.readOnlyReason == nil)
    }

    @Test func `a record looked up by its time is none behind damage`() throws {
        let log = try log()
        let time = Timestamp(1_700_000_000_004)
        #expect(try log.log.offset(forTimestamp: time, isolation: .readUncommitted) == Offset(4))
        let names = try log.files(".log").sorted()
        let damaged = "\(TestLog.directory)/\(names[2])"
        let file = try log.simulated.open(damaged, .readWrite)
        let byteCount = try file.byteCount()
        for position in [Int64(100), byteCount / 2 + 60, byteCount - 10] {
            try [UInt8](repeating: 0xFF, count: 4).withUnsafeBytes {
                try file.write($0, at: position)
            }
        }
        #expect(throws: LogStorageError.self) {
            try log.log.offset(forTimestamp: time, isolation: .readUncommitted)
        }
    }
}
