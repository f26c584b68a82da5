import Foundation
import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// A write-back and a cleaning work on one folder at the same time.
@Suite struct CleaningBesideWriteBackTests {
    private static let options = [
        "segment.bytes": "1024", "index.interval.bytes": "100", "min.cleanable.dirty.ratio": "0",
    ]

    /// Segments whose index files are missing, so that the next write-back makes them.
    private func withoutIndexes() throws -> SimulatedDisk {
        let log = try TestLog(Self.options.merging(["cleanup.policy": "compact"]) { $1 })
        for number in 0..<40 { try log.append(number, key: "key \(number % 3)") }
        try log.flush()
        try log.close()
        let disk = try log.simulated.copy()
        for name in try disk.list("\(TestLog.root)/t-0") where name.hasSuffix("index") {
            try disk.remove("\(TestLog.root)/t-0/\(name)")
        }
        disk.releaseLocks()
        return disk
    }

    @Test func `no index is written over a cleaned segment's, and none for one that is gone`()
        throws
    {
        let disk = HookedDisk(try withoutIndexes())
        let log = try TestLog(opening: disk)
        _ = try log.records()
        let cleaning = ThreadGroup()
        let isDone = ConditionLock(false)
        let begun = Lock(false)
        disk.onFileOperation { operation, path in
            guard operation == .write, path.contains(".index"),
                begun.withLock({ begun in
                    defer { begun = true }
                    return !begun
                })
            else { return nil }
            cleaning.start {
                _ = try? log.log.clean { _ in true }
                isDone.update { $0 = true }
            }
            // A cleaning that waits for this write-back does not end before it.
            _ = isDone.wait(atMost: .seconds(1), for: { $0 ? () : nil })
            return nil
        }
        try log.data.writeBack(all: false)
        cleaning.wait()
        #expect(begun.withLock { $0 }, "no index was written")
        let segments = Set(try log.files(".log").map { $0.dropLast(4) })
        #expect(segments.count < 10, "nothing was cleaned")
        for kind in [".index", ".timeindex", ".txnindex"] {
            let indexes = try log.files(kind).map { $0.dropLast(kind.count) }
            #expect(segments.isSuperset(of: indexes), "\(indexes)")
        }
        let killed = disk.disk.withoutUnflushed()
        let report = try LogVerifier.verify(disk: killed, directory: TestLog.root)
        #expect(!report.findings.contains { $0.severity == .damage }, "\(report.findings)")
        try log.close()
    }

    @Test func `a stop is asked for between small segments`() throws {
        let log = try TestLog(Self.options.merging(["cleanup.policy": "compact"]) { $1 })
        for number in 0..<40 { try log.append(number, key: "key \(number)") }
        for number in 0..<40 { try log.append(number, key: "key \(number)") }
        try log.flush()
        try log.data.writeBack(all: false)
        var questions = 0
        let isDone = try log.log.clean { _ in
            questions += 1
            return questions < 2
        }
        #expect(!isDone)
        #expect(questions == 2)
        #expect(try log.log.clean { _ in true })
        try log.close()
    }
}

/// Numbers of the file system that are no file's and no disk's in use.
@Suite struct DiskNumberTests {
    private static let times: [(timespec, Int64)] = [
        (timespec(tv_sec: 1, tv_nsec: 2_000_000), Int64(1_002)),
        (timespec(tv_sec: -1, tv_nsec: 0), -1_000),
        (timespec(tv_sec: 9_300_000_000_000_000, tv_nsec: 0), .max),
        (timespec(tv_sec: .max, tv_nsec: 999_999_999), .max),
        (timespec(tv_sec: 9_223_372_036_854_775, tv_nsec: 999_999_999), .max),
        (timespec(tv_sec: .min, tv_nsec: 0), .min),
    ]

    @Test(arguments: times)
    func `a file's time that fits nowhere is the last there is`(
        time: timespec,
        milliseconds: Int64
    ) {
        #expect(PosixDisk.timestamp(of: time) == Timestamp(milliseconds))
    }

    @Test(arguments: [
        (UInt64(3), UInt64(4_096), Int64(12_288)), (.max / 4_096, 4_096, .max),
        (.max, .max, .max), (.max, 1, .max), (0, 4_096, 0),
    ])
    func `room without an end is room`(blocks: UInt64, size: UInt64, bytes: Int64) {
        #expect(PosixDisk.byteCount(blocks, of: size) == bytes)
    }
}
