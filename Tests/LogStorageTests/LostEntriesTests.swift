import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// Index files of closed segments that are there and lack entries: read_committed readers would see
/// aborted records, and retention would delete a segment too early.
@Suite struct LostEntriesTests {
    private static let options = ["segment.bytes": "1024", "index.interval.bytes": "128"]
    private static let times = SegmentFile.timeIndex.rawValue
    private static let transactions = SegmentFile.transactionIndex.rawValue

    /// Committed and aborted transactions over several segments, closed.
    private func closed() throws -> TestLog {
        let log = try TestLog(Self.options)
        for number in 0..<24 {
            let producer = TestProducer(Int64(number), isTransactional: true)
            let time = Int64(number % 5) * 1_000_000
            try log.append(
                ["\(number) " + String(repeating: "x", count: 90)],
                from: producer,
                at: time
            )
            try log.end(producer, number % 3 == 0 ? .commit : .abort)
        }
        try log.flush()
        try log.close()
        return log
    }

    private func replace(_ path: String, _ disk: SimulatedDisk, with bytes: [UInt8]) throws {
        try disk.remove(path)
        try disk.append(bytes, to: path)
    }

    @Test func `entries that a transaction index has lost are made anew`() throws {
        let log = try closed()
        let committed = try TestLog(opening: try log.simulated.afterKill())
            .records(.readCommitted)
        #expect(committed.count == 8)
        let names = try log.files(Self.transactions).dropLast()
        #expect(names.count >= 3)
        for name in names {
            let path = "\(TestLog.directory)/\(name)"
            let whole = try log.simulated.content(path)
            #expect(whole.count >= AbortedEntry.byteCount)
            for lost in [
                [], Array(whole.dropLast(AbortedEntry.byteCount)),
                Array(whole.dropFirst(AbortedEntry.byteCount)),
            ] {
                let disk = try log.simulated.afterKill()
                try replace(path, disk, with: lost)
                let again = try TestLog(opening: disk)
                #expect(try again.records(.readCommitted) == committed, "\(name) \(lost.count)")
                try again.close()
                #expect(try disk.content(path) == whole)
            }
        }
    }

    @Test func `entries that a time index has lost are made anew`() throws {
        let log = try closed()
        func largest(_ disk: SimulatedDisk) throws -> [Timestamp] {
            let again = try TestLog(opening: disk)
            _ = try again.records()
            return again.log.state.withLock { $0.segments.map(\.largestTimestamp) }
        }
        let known = try largest(try log.simulated.afterKill())
        for name in try log.files(Self.times).dropLast() {
            let path = "\(TestLog.directory)/\(name)"
            let whole = try log.simulated.content(path)
            for count in stride(from: 0, to: whole.count, by: 12) {
                let disk = try log.simulated.afterKill()
                try replace(path, disk, with: Array(whole.prefix(count)))
                #expect(try largest(disk) == known, "\(name) \(count)")
            }
        }
    }

    @Test(arguments: [transactions, transactions + PartitionFiles.temporarySuffix])
    func `a repair that is cut short leaves no index without its entries`(suffix: String) throws {
        let log = try closed()
        let committed = try TestLog(opening: try log.simulated.afterKill())
            .records(.readCommitted)
        let name = try #require(try log.files(Self.transactions).first)
        for operation in [DiskOperation.write, .truncate, .sync, .rename] {
            let disk = try log.simulated.afterKill()
            try disk.remove("\(TestLog.directory)/\(name)")
            let repairing = try TestLog(opening: disk)
            #expect(try repairing.records(.readCommitted) == committed)
            disk.inject(DiskFault(.operation(operation), onPathEnding: suffix, times: 100))
            try? repairing.close()
            let plan = disk.crashPlan()
            for state in [disk.afterKill(), disk.crashState(plan, keeping: plan.nothingKept)] {
                let again = try TestLog(opening: state)
                #expect(try again.records(.readCommitted) == committed, "\(operation)")
                try again.close()
                #expect(try again.files(".tmp").isEmpty)
            }
        }
    }

    @Test func `a wrong last stable offset of an entry is told as that`() throws {
        let log = try closed()
        let name = try #require(try log.files(Self.transactions).first)
        let disk = try log.simulated.afterKill()
        disk.rot("\(TestLog.directory)/\(name)", at: AbortedEntry.byteCount - 1, bit: 3)
        let report = try LogVerifier.verify(disk: disk, directory: TestLog.root)
        #expect(report.findings.count == 1)
        #expect(report.findings.first?.reason.contains("tells the last stable offset") == true)
    }

    @Test func `a checkpoint keeps what it says of closed segments`() throws {
        let log = try closed()
        let bytes = try log.simulated.content(TestLog.checkpoint)
        let checkpoint = try #require(DirectoryCheckpoint(bytes))
        let sealed = try #require(checkpoint.partitions.values.first).sealed
        #expect(sealed.count == (try log.files(".log").count) - 1)
        #expect(sealed.reduce(0) { $0 + Int($1.abortedCount) } > 10)
        #expect(checkpoint.encoded == bytes)
        var held = checkpoint
        held.hasHeldGroups = true
        #expect(DirectoryCheckpoint(held.encoded) == held)
        for count in 0..<bytes.count {
            #expect(DirectoryCheckpoint(Array(bytes.prefix(count))) == nil)
        }
    }
}
