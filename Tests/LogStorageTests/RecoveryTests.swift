import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What opening a partition makes of what it finds in its folder.
@Suite struct RecoveryTests {
    private static let options = ["segment.bytes": "1024", "index.interval.bytes": "128"]
    private static let active = "\(TestLog.directory)/00000000000000000000.log"

    /// Flushed batches, then some that were not.
    private func log(flushed: Int, unflushed: Int) throws -> (TestLog, SimulatedDisk) {
        let log = try TestLog()
        for number in 0..<flushed { try log.append(["flushed \(number)"]) }
        try log.flush()
        for number in 0..<unflushed { try log.append(["unflushed \(number)"]) }
        return (log, try log.simulated)
    }

    @Test func `a tail that was never flushed is cut, wherever it is torn`() throws {
        let (_, disk) = try log(flushed: 2, unflushed: 1)
        let full = Int(try disk.open(Self.active, .read).byteCount())
        let (_, durable) = try log(flushed: 2, unflushed: 0)
        let flushed = Int(try durable.open(Self.active, .read).byteCount())
        for length in flushed...full {
            let torn = disk.copy()
            try torn.open(Self.active, .readWrite).truncate(to: Int64(length))
            let reopened = try TestLog(opening: torn)
            #expect(try reopened.recovery?.damage == nil)
            #expect((try reopened.recovery?.cut != nil) == (length > flushed))
            #expect(try reopened.log.bounds.logEnd == Offset(2))
            try reopened.append(["after"])
            try reopened.flush()
            #expect(try reopened.records().map(\.value) == ["flushed 0", "flushed 1", "after"])
        }
    }

    @Test func `what the journal vouches for is written again, whatever the segment lost`() throws {
        let (_, disk) = try log(flushed: 3, unflushed: 0)
        for length in 0..<Int(try disk.open(Self.active, .read).byteCount()) {
            let torn = disk.copy()
            try torn.open(Self.active, .readWrite).truncate(to: Int64(length))
            let reopened = try TestLog(opening: torn)
            #expect(try reopened.recovery?.damage == nil)
            #expect(
                try reopened.records().map(\.value) == ["flushed 0", "flushed 1", "flushed 2"]
            )
        }
    }

    /// A file of another log was put in the place of this one's.
    @Test func `a batch that runs over the acknowledged end is damage, and nothing is cut`() throws
    {
        let other = try TestLog()
        try other.append([String(repeating: "x", count: 2000)])
        try other.flush()
        let foreign = try other.simulated.content(Self.active)
        let (log, _) = try log(flushed: 2, unflushed: 0)
        try log.close()
        let again = try TestLog(opening: log.simulated.copy())
        try again.append(["unflushed"])
        let disk = try again.simulated.copy()
        let files = PartitionFiles(disk: disk, directory: TestLog.directory)
        for name in try disk.list(TestLog.directory) where name.hasPrefix("0000") {
            try files.removeIfPresent(files.path(name))
        }
        try files.replace(Self.active, with: foreign)
        let findings = try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
        #expect(findings.contains { $0.severity == .damage && $0.reason.contains("runs over") })
        let opened = try TestLog(opening: disk)
        #expect(try opened.recovery?.damage?.offset == .zero)
        #expect(try opened.recovery?.cut == nil)
        #expect(try opened.simulated.content(Self.active) == foreign)
    }

    @Test(arguments: [10, 600])
    func `a gap in front of an imported batch is a gap, whether a segment begins there or not`(
        length: Int
    ) throws {
        let log = try TestLog(Self.options)
        for base in [0, 20, 21, 30] as [UInt8] {
            var batch = TestProducer.batch(
                ["\(base)" + String(repeating: "x", count: length)],
                from: nil,
                at: 1
            )
            batch.replaceSubrange(0..<8, with: [0, 0, 0, 0, 0, 0, 0, base])
            _ = try batch.withUnsafeMutableBytes { try log.log.append($0, origin: .imported) }
        }
        try log.flush()
        try log.log.sealImport()
        try log.close()
        let again = try TestLog(opening: log.simulated.copy())
        #expect(try again.recovery?.damage == nil)
        #expect(try again.records().map(\.offset) == [0, 20, 21, 30])
    }

    @Test func `damage in what was written back is reported, never cut, nothing behind is served`()
        throws
    {
        let (log, disk) = try log(flushed: 3, unflushed: 0)
        try log.close()
        let before = try disk.open(Self.active, .read).byteCount()
        for bit in stride(from: 0, to: Int(before) * 8, by: 5) {
            let flipped = disk.flipped(Self.active, bit: bit)
            let reopened = try TestLog(opening: flipped)
            let damage = try #require(try reopened.recovery?.damage)
            #expect(damage.file == Self.active)
            #expect(try reopened.recovery?.cut == nil)
            #expect(try flipped.open(Self.active, .read).byteCount() == before)
            #expect(try reopened.records().count == Int(damage.offset.rawValue))
            #expect(throws: LogStorageError.self) { try reopened.append(["more"]) }
        }
    }

    @Test func `a log that is shorter than what was written back is damaged, not empty`() throws {
        let (log, disk) = try log(flushed: 3, unflushed: 0)
        try log.close()
        for length in 0..<Int(try disk.open(Self.active, .read).byteCount()) {
            let shorter = disk.copy()
            try shorter.open(Self.active, .readWrite).truncate(to: Int64(length))
            for _ in 0..<3 {
                let reopened = try TestLog(opening: shorter)
                #expect(try reopened.recovery?.damage != nil)
                #expect(throws: LogStorageError.self) { try reopened.append(["more"]) }
                #expect(try shorter.open(Self.active, .read).byteCount() == Int64(length))
                reopened.data.release()
            }
        }
    }

    @Test func `a missing segment is damage wherever it is missing`() throws {
        let log = try TestLog(Self.options)
        for number in 0..<60 { try log.append(["record \(number)"]) }
        try log.close()
        let names = try log.files(".log")
        try #require(names.count > 3)
        for name in names {
            let disk = try log.simulated.copy()
            try disk.remove("\(TestLog.directory)/\(name)")
            let reopened = try TestLog(opening: disk)
            let damage = try #require(try reopened.recovery?.damage)
            if name != names[0] {
                #expect(try reopened.records().count == Int(name.prefix(20)))
                #expect(damage.offset.rawValue == Int64(name.prefix(20)))
            }
            #expect(try reopened.recovery?.cut == nil)
        }
    }

    @Test func `bytes that lie behind the end in a closed segment stop nothing`() throws {
        let log = try TestLog(Self.options)
        let disk = try log.simulated
        let producer = TestProducer(1)
        try log.append(["first"], from: producer)
        try log.flush()
        // A batch half written, as a full disk leaves it; then one that needs a new segment.
        let room = try disk.open(Self.active, .read).byteCount() + 30
        disk.setCapacity(Int64.max)
        let end = try disk.open(Self.active, .read).byteCount()
        try disk.append([UInt8](repeating: 7, count: Int(room - end)), to: Self.active)
        try log.append([String(repeating: "x", count: 1000)], from: producer)
        try log.append(["third"], from: producer)
        try log.flush()
        for again in [try log.killed(), try log.afterPowerLoss()] {
            #expect(try again.recovery?.damage == nil)
            #expect(try again.records().map(\.offset) == [0, 1, 2])
        }
        try log.close()
        let closed = try TestLog(opening: try log.simulated.copy())
        #expect(try closed.recovery?.damage == nil)
        #expect(try closed.records().map(\.offset) == [0, 1, 2])
    }

    @Test(arguments: [
        ".index", ".timeindex", ".txnindex", ".snapshot", "leader-epoch-checkpoint", "all",
    ])
    func `without its caches a log answers the same`(suffix: String) throws {
        let log = try TestLog(Self.options)
        let producers = (1...3).map { TestProducer(Int64($0), isTransactional: true) }
        for number in 0..<60 {
            let producer = producers[number % 3]
            try log.append(["record \(number)"], from: producer)
            if number % 7 == 6 { try log.end(producer, number % 2 == 0 ? .abort : .commit) }
            if number % 20 == 19 { try log.flush() }
        }
        try log.flush()
        let killed = try log.simulated.copy()
        try log.close()
        let closed = try log.simulated.copy()
        let intact = try TestLog(opening: closed.copy())
        for found in [killed, closed] {
            let disk = found.copy()
            for name in try disk.list(TestLog.directory)
            where suffix == "all" ? Self.isCache(name) : name.hasSuffix(suffix) {
                try disk.remove("\(TestLog.directory)/\(name)")
            }
            let without = try TestLog(opening: disk)
            #expect(try without.recovery?.damage == nil)
            #expect(try without.log.bounds == intact.log.bounds)
            #expect(try without.log.activeProducers == intact.log.activeProducers)
            for isolation in [IsolationLevel.readUncommitted, .readCommitted] {
                #expect(try without.records(isolation) == intact.records(isolation))
            }
        }
    }

    @Test func `a clean start opens nothing, a killed one reads from the recovery point on`() throws
    {
        let log = try TestLog(Self.options)
        for number in 0..<60 { try log.append(["record \(number)"]) }
        try log.close()
        let clean = try TestLog(opening: try log.simulated.copy())
        #expect(clean.log.recoveryReport == nil)
        #expect(try clean.log.bounds.highWatermark == Offset(60))
        #expect(clean.log.recoveryReport == nil, "the checkpoint knows the bounds")
        #expect(try clean.recovery?.scannedByteCount ?? 0 <= 1024)
        try clean.append(["behind"])
        try clean.flush()
        let killed = try clean.killed()
        #expect(try killed.recovery?.scannedByteCount ?? 0 <= 1024)
        #expect(try killed.log.bounds.highWatermark == Offset(61))
    }

    @Test func `snapshots do not pile up, however often a log is closed`() throws {
        var log = try TestLog()
        for number in 0..<30 {
            try log.append(["\(number)"], from: TestProducer(Int64(number)))
            try log.close()
            log = try TestLog(opening: log.disk)
        }
        #expect(try log.files(".snapshot").count <= 2)
        #expect(try log.records().count == 30)
    }

    @Test func `bytes that a failed append left are gone after the next start`() throws {
        let (log, disk) = try log(flushed: 2, unflushed: 0)
        let end = try disk.open(Self.active, .read).byteCount()
        try disk.append([UInt8](repeating: 7, count: 50), to: Self.active)
        try log.close()
        let reopened = try TestLog(opening: disk)
        #expect(try reopened.recovery?.damage == nil)
        #expect(try reopened.recovery?.cut?.byteCount == 50)
        #expect(try disk.open(Self.active, .read).byteCount() == end)
    }

    @Test func `records without a timestamp do not make a closed segment be read twice`() throws {
        let log = try TestLog(Self.options)
        let producer = TestProducer(7, isTransactional: true)
        for number in 0..<40 {
            try log.append(["record \(number)"], from: producer, at: -1)
            if number % 5 == 4 { try log.end(producer, .abort) }
        }
        try log.close()
        let reopened = try TestLog(opening: try log.simulated.copy())
        #expect(try reopened.recovery?.damage == nil)
        #expect(try reopened.log.activeProducers == log.log.activeProducers)
        #expect(try reopened.records(.readCommitted) == log.records(.readCommitted))
    }

    private static func isCache(_ name: String) -> Bool {
        !name.hasSuffix(".log") && name != "partition.metadata"
    }
}
