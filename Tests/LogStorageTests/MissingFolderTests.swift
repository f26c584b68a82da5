import Bytes
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// The folder of a partition is away, and what is known of it.
@Suite struct MissingFolderTests {
    private static let aside = "\(TestLog.root)/aside"
    private static let held = "\(TestLog.journalFolder)/\(HeldGroups.fileName)"

    private func killed(_ value: String) throws -> SimulatedDisk {
        let log = try TestLog()
        try log.append([value])
        try log.flush()
        return try log.simulated.afterKill()
    }

    private func damage(_ disk: SimulatedDisk) throws -> [String] {
        try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
            .filter { $0.severity == .damage }.map(\.reason)
    }

    @Test func `one that a group says was flushed is damage`() throws {
        // So much is flushed in the segment; the group says only how far.
        let disk = try killed(String(repeating: "x", count: 20_000))
        #expect(try damage(disk) == [])
        try disk.rename(TestLog.directory, to: Self.aside)
        #expect(try damage(disk) == ["the partition's folder is missing"])
        let log = try TestLog(opening: disk)
        #expect(throws: LogStorageError.self) { try log.records() }
    }

    @Test(arguments: [false, true])
    func `what the journal has from the first byte on is no damage`(isFolderThere: Bool) throws {
        let disk = try killed("small")
        if isFolderThere {
            try disk.remove("\(TestLog.directory)/00000000000000000000.log")
        } else {
            try disk.rename(TestLog.directory, to: Self.aside)
        }
        #expect(try damage(disk) == [])
        #expect(try TestLog(opening: disk).records().map(\.value) == ["small"])
    }

    @Test(arguments: ["removed", "emptied", "in its header", "its header alone", "a group less"])
    func `nothing is cut where what was held is lost`(loss: String) throws {
        let first = try TestLog()
        try first.append(["written back"])
        try first.flush()
        try first.data.writeBack(all: false)
        try first.append(["acknowledged"])
        try first.flush()
        let disk = try first.simulated.afterKill()
        try disk.rename(TestLog.directory, to: Self.aside)
        _ = try TestLog(opening: disk)
        let away = disk.afterKill()
        try away.rename(Self.aside, to: TestLog.directory)
        let whole = try away.content(Self.held)
        #expect(whole.count > JournalFileHeader.byteCount)
        try away.remove(Self.held)
        switch loss {
        case "removed": break
        case "emptied": try away.append([], to: Self.held)
        case "in its header": try away.append(Array(whole.prefix(2104)), to: Self.held)
        case "its header alone":
            try away.append(Array(whole.prefix(JournalFileHeader.byteCount)), to: Self.held)
        default: try away.append(Array(whole.dropLast(JournalRecord.alignment)), to: Self.held)
        }
        #expect(try !damage(away).isEmpty)
        for round in 0..<2 {
            away.releaseLocks()
            let log = try TestLog(opening: away)
            #expect(try log.records().map(\.value) == ["written back", "acknowledged"])
            #expect(try log.recovery?.cut == nil)
            #expect(!log.data.notes.isEmpty == (round == 0), "\(log.data.notes)")
        }
    }

    @Test func `what is held of a partition goes with its topic`() throws {
        let first = try TestLog()
        try first.append(["written back"])
        try first.flush()
        try first.data.writeBack(all: false)
        try first.append(["in the journal"])
        try first.flush()
        let disk = try first.simulated.afterKill()
        try disk.rename(TestLog.directory, to: Self.aside)
        let log = try TestLog(opening: disk)
        #expect(try disk.kind(of: Self.held) == .file)
        try log.data.removeTopic(TestLog.topic)
        try log.close()
        #expect(try disk.kind(of: Self.held) == nil)
        for _ in 0..<2 {
            disk.releaseLocks()
            let data = try DataDirectory.open(
                disk: disk,
                path: TestLog.root,
                owner: "test",
                creates: false,
                time: ManualTimeSource()
            )
            #expect(data.notes == [])
            try data.close()
        }
    }

    @Test func `what is held of another topic's partition stays`() throws {
        let first = try TestLog()
        let otherID = UniqueID(high: 5, low: 5)
        let other = try first.data.createTopic(
            "other",
            id: otherID,
            partitionCount: 1,
            options: [:]
        )[0]
        try first.append(["written back"])
        var batch = TestProducer.batch(["kept"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try other.append($0, origin: .embedded) }
        try first.data.groups.flushAndWait([first.log, other])
        try first.data.writeBack(all: false)
        batch = TestProducer.batch(["held"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try other.append($0, origin: .embedded) }
        try first.append(["in the journal"])
        try first.data.groups.flushAndWait([first.log, other])
        let disk = try first.simulated.afterKill()
        try disk.rename(TestLog.directory, to: Self.aside)
        try disk.rename("\(TestLog.root)/other-0", to: "\(TestLog.root)/other")
        let log = try TestLog(opening: disk)
        try log.data.removeTopic(TestLog.topic)
        try log.close()
        #expect(try disk.kind(of: Self.held) == .file)
        try disk.rename("\(TestLog.root)/other", to: "\(TestLog.root)/other-0")
        disk.releaseLocks()
        let data = try DataDirectory.open(
            disk: disk,
            path: TestLog.root,
            owner: "test",
            creates: false,
            time: ManualTimeSource()
        )
        let again = try #require(data.partitions(of: otherID).first)
        #expect(try TestLog.records(of: again).map(\.value) == ["kept", "held"])
    }
}
