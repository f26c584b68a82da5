import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// What opening a folder makes of what it finds there.
@Suite struct RecoveryTests {
    private static let options = ["segment.bytes": "1024", "index.interval.bytes": "128"]
    private static let active = "\(TestLog.directory)/00000000000000000000.log"

    /// Flushed batches, then some that were not.
    private func log(flushed: Int, unflushed: Int) throws -> (TestLog, SimulatedDisk) {
        let log = try TestLog()
        for number in 0..<flushed { try log.append(["flushed \(number)"]) }
        try log.log.flush()
        for number in 0..<unflushed { try log.append(["unflushed \(number)"]) }
        return (log, try #require(log.disk as? SimulatedDisk))
    }

    @Test func `a torn tail that was never flushed is cut, wherever it is torn`() throws {
        let (_, disk) = try log(flushed: 2, unflushed: 1)
        let full = Int(try disk.open(Self.active, .read).byteCount())
        let (_, durable) = try log(flushed: 2, unflushed: 0)
        let flushed = Int(try durable.open(Self.active, .read).byteCount())
        for length in flushed..<full {
            let torn = disk.copy()
            try torn.open(Self.active, .readWrite).truncate(to: Int64(length))
            let reopened = try TestLog(opening: torn)
            #expect(reopened.recovery?.damage == nil)
            #expect((reopened.recovery?.cut != nil) == (length > flushed))
            #expect(reopened.log.bounds.logEnd == Offset(2))
            try reopened.append(["after"])
            try reopened.log.flush()
            #expect(try reopened.records().map(\.value) == ["flushed 0", "flushed 1", "after"])
        }
    }

    @Test func `damage in what was flushed is reported, never cut, and nothing behind is served`()
        throws
    {
        let (_, disk) = try log(flushed: 3, unflushed: 0)
        let before = try disk.open(Self.active, .read).byteCount()
        disk.rot(Self.active, at: 100, bit: 3)
        let reopened = try TestLog(opening: disk)
        let damage = try #require(reopened.recovery?.damage)
        #expect(damage.offset == Offset(1) || damage.offset == Offset(0))
        #expect(damage.file == Self.active)
        #expect(reopened.recovery?.cut == nil)
        #expect(try disk.open(Self.active, .read).byteCount() == before)
        #expect(try reopened.records().count == Int(damage.offset.rawValue))
        #expect(throws: LogStorageError.self) { try reopened.append(["more"]) }
    }

    @Test func `a log that is shorter than what was flushed is damaged, not empty`() throws {
        let (_, disk) = try log(flushed: 3, unflushed: 0)
        try disk.open(Self.active, .readWrite).truncate(to: 0)
        let reopened = try TestLog(opening: disk)
        #expect(reopened.recovery?.damage?.offset == Offset(0))
        #expect(throws: LogStorageError.self) { try reopened.append(["more"]) }
    }

    @Test(arguments: [false, true])
    func `a missing segment in the middle is damage`(isClean: Bool) throws {
        let log = try TestLog(Self.options)
        for number in 0..<60 { try log.append(["record \(number)"]) }
        try log.log.close()
        let names = try log.files(".log")
        try #require(names.count > 3)
        try log.disk.remove("\(TestLog.directory)/\(names[1])")
        let reopened = try TestLog(
            opening: log.disk,
            Self.options,
            isClean: isClean,
            recoveryPoint: 60
        )
        #expect(reopened.recovery?.damage?.offset.rawValue == Int64(names[1].prefix(20)))
        #expect(try reopened.records().count == Int(names[1].prefix(20)))
        #expect(reopened.recovery?.cut == nil)
    }

    @Test(arguments: [".index", ".timeindex", ".txnindex", ".snapshot", "checkpoint", "all"])
    func `without its caches a log answers the same`(suffix: String) throws {
        let log = try TestLog(Self.options)
        let producers = (1...3).map { TestProducer(Int64($0), isTransactional: true) }
        for number in 0..<60 {
            let producer = producers[number % 3]
            try log.append(["record \(number)"], from: producer)
            if number % 7 == 6 { try log.end(producer, number % 2 == 0 ? .abort : .commit) }
        }
        try log.log.close()
        let end = log.log.bounds.logEnd.rawValue
        let intact = try TestLog(
            opening: try copy(log),
            Self.options,
            isClean: true,
            recoveryPoint: end
        )
        let disk = try copy(log)
        for name in try disk.list(TestLog.directory)
        where suffix == "all" ? Self.isCache(name) : name.hasSuffix(suffix) {
            try disk.remove("\(TestLog.directory)/\(name)")
        }
        for isClean in [true, false] {
            let without = try TestLog(
                opening: disk.copy(),
                Self.options,
                isClean: isClean,
                recoveryPoint: end
            )
            #expect(without.log.bounds == intact.log.bounds)
            #expect(without.log.activeProducers == intact.log.activeProducers)
            for isolation in [IsolationLevel.readUncommitted, .readCommitted] {
                #expect(try without.records(isolation) == intact.records(isolation))
            }
        }
    }

    @Test func `a clean start reads no batches, a killed one only from the recovery point on`()
        throws
    {
        let log = try TestLog(Self.options)
        for number in 0..<60 { try log.append(["record \(number)"]) }
        try log.log.close()
        let clean = try TestLog(
            opening: try copy(log),
            Self.options,
            isClean: true,
            recoveryPoint: 60
        )
        #expect(clean.recovery?.scannedByteCount == 0 && clean.recovery?.wasClean == true)
        let names = try log.files(".log")
        let last = try #require(names.last)
        let point = try #require(Int64(last.prefix(20)))
        let killed = try TestLog(opening: try copy(log), Self.options, recoveryPoint: point)
        let size = try log.disk.open("\(TestLog.directory)/\(last)", .read).byteCount()
        #expect(killed.recovery?.scannedByteCount == size)
    }

    @Test func `bytes that a failed append left are cut by the close`() throws {
        let (log, disk) = try log(flushed: 2, unflushed: 0)
        let end = try disk.open(Self.active, .read).byteCount()
        let garbage = [UInt8](repeating: 7, count: 50)
        try garbage.withUnsafeBytes { try disk.open(Self.active, .readWrite).write($0, at: end) }
        try log.log.close()
        #expect(try disk.open(Self.active, .read).byteCount() == end)
        let reopened = try TestLog(opening: disk, isClean: true, recoveryPoint: 2)
        #expect(reopened.recovery?.wasClean == true)
    }

    private func copy(_ log: TestLog) throws -> SimulatedDisk {
        try #require(log.disk as? SimulatedDisk).copy()
    }

    private static func isCache(_ name: String) -> Bool {
        !name.hasSuffix(".log") && name != "durable-offset"
    }
}
