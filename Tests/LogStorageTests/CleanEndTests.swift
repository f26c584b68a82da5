import Bytes
import Foundation
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What a directory that was closed cleanly says of bytes that lie behind its partitions' ends.
@Suite struct CleanEndTests {
    private static let own = "\(TestLog.root)/\(DataDirectory.ownFolder)"
    private static let mark = "\(own)/\(CleanEnd.fileName)"
    private static let checkpoint = "\(own)/\(DirectoryCheckpoint.fileName)"

    /// A directory of "first", and the same with "second" behind; both closed.
    private func twoBackups(
        _ options: [String: String] = [:],
        second: (TestLog) throws -> Void
    ) throws -> (older: SimulatedDisk, newer: SimulatedDisk) {
        let log = try TestLog(options)
        try log.append(["first"])
        try log.flush()
        try log.close()
        let older = try log.simulated.afterKill()
        let again = try TestLog(opening: try log.simulated.afterKill(), time: log.time)
        try second(again)
        try again.flush()
        try again.close()
        return (older, try again.simulated.afterKill())
    }

    /// The folders of one directory beside the checkpoint and the mark of another.
    private func mixed(_ folders: SimulatedDisk, _ own: SimulatedDisk) throws -> SimulatedDisk {
        let disk = folders.copy()
        for path in [Self.mark, Self.checkpoint] {
            try disk.remove(path)
            try disk.append(try own.content(path), to: path)
        }
        return disk
    }

    @Test func `folders of a later backup are kept beside an older checkpoint`() throws {
        let (older, newer) = try twoBackups { try $0.append(["second"]) }
        let mixed = try mixed(newer, older)
        let report = try LogVerifier.verify(disk: mixed, directory: TestLog.root)
        #expect(report.findings.contains { $0.reason.contains("of a later time") })
        for isKilled in [true, false] {
            mixed.releaseLocks()
            let log = try TestLog(opening: mixed)
            #expect(try log.log.bounds.logEnd == Offset(2))
            #expect(try log.records().map(\.value) == ["first", "second"])
            #expect(try log.recovery?.cut == nil)
            if !isKilled { try log.close() }
        }
        mixed.releaseLocks()
        #expect(try TestLog(opening: mixed).data.notes.isEmpty, "settled by the end in order")
    }

    @Test func `segments of a later time stay where the one before them is of the earlier`() throws
    {
        let options = ["segment.bytes": "1024"]
        let (older, newer) = try twoBackups(options) { log in
            for number in 0..<30 {
                try log.append(["later \(number) " + String(repeating: "x", count: 90)])
            }
        }
        let mixed = try mixed(newer, older)
        let first = "\(TestLog.directory)/\(SegmentName.base(.zero)).log"
        try mixed.remove(first)
        try mixed.append(try older.content(first), to: first)
        let names = try mixed.list(TestLog.directory).filter { $0.hasSuffix(".log") }
        #expect(names.count > 2)
        let report = try LogVerifier.verify(disk: mixed, directory: TestLog.root)
        #expect(!report.findings.contains { $0.reason.contains("never acknowledged") })
        let log = try TestLog(opening: mixed)
        #expect(try log.recovery?.cut == nil)
        #expect(log.data.notes.contains { $0.contains("of a later time") })
        #expect(try log.files(".log") == names)
    }

    @Test func `no producer id that such folders hold is given out again`() throws {
        let (older, newer) = try twoBackups { log in
            try log.data.grantProducerIDs(upTo: ProducerID(5_000))
            try log.append(["second"], from: TestProducer(4_321))
        }
        let mixed = try mixed(newer, older)
        let block = "\(TestLog.root)/\(ProducerIDBlock.fileName)"
        try mixed.remove(block)
        try mixed.append(try older.content(block), to: block)
        for asks in [true, false] {
            let disk = mixed.copy()
            disk.releaseLocks()
            let log = try TestLog(opening: disk)
            if asks {
                #expect(try log.data.settledProducerIDs() > ProducerID(4_321))
            } else {
                // Whoever reads it first settles it; the next process need not ask.
                #expect(try log.records().count == 2)
                try log.data.writeBack(all: false)
                let next = try TestLog(opening: disk.afterKill())
                #expect(try next.data.settledProducerIDs() > ProducerID(4_321))
            }
        }
    }

    @Test func `an older block of producer ids gives none out twice`() throws {
        let (older, newer) = try twoBackups { log in
            try log.data.grantProducerIDs(upTo: ProducerID(5_000))
            try log.append(["second"], from: TestProducer(4_321))
        }
        let disk = newer.copy()
        let block = "\(TestLog.root)/\(ProducerIDBlock.fileName)"
        try disk.remove(block)
        if let bytes = try? older.content(block) { try disk.append(bytes, to: block) }
        let log = try TestLog(opening: disk)
        #expect(log.data.notes.isEmpty)
        #expect(try log.data.settledProducerIDs() > ProducerID(4_321))
    }

    @Test func `they are kept if nobody looks at them before a crash`() throws {
        let (older, newer) = try twoBackups { try $0.append(["second"]) }
        let mixed = try mixed(newer, older)
        do {
            let log = try TestLog(opening: mixed)
            #expect(log.data.notes.contains { $0.contains("holds more than") })
            _ = try log.data.createTopic(
                "other",
                id: UniqueID(high: 7, low: 7),
                partitionCount: 1,
                options: [:]
            )
        }
        let killed = mixed.withoutUnflushed()
        #expect(try TestLog(opening: killed).records().map(\.value) == ["first", "second"])
    }

    @Test func `segments behind a rolled one are kept, and those of an empty partition`() throws {
        let large = ["2", "3", "4"].map { String(repeating: $0, count: 700) }
        let (older, newer) = try twoBackups(["segment.bytes": "1024"]) { log in
            for value in large { try log.append([value]) }
        }
        let log = try TestLog(opening: try mixed(newer, older))
        #expect(try log.records().map(\.value) == ["first"] + large)

        let empty = try TestLog(partitions: 2)
        try empty.append(["x"], to: 1)
        try empty.flush()
        try empty.close()
        let before = try empty.simulated.afterKill()
        let again = try TestLog(opening: try empty.simulated.afterKill())
        try again.append(["y"], to: 0)
        try again.flush()
        try again.close()
        let found = try TestLog(opening: try mixed(again.simulated.afterKill(), before))
        #expect(try found.records(of: 0).map(\.value) == ["y"])
    }

    @Test func `what a crash leaves behind the end is cut, after a clean end too`() throws {
        let log = try TestLog()
        try log.append(["first"])
        try log.flush()
        try log.close()
        let again = try TestLog(opening: try log.simulated.afterKill())
        #expect(try again.simulated.kind(of: Self.mark) == .file)
        try again.append(["never flushed"])
        #expect(try again.simulated.kind(of: Self.mark) == nil)
        #expect(try again.simulated.withoutUnflushed().kind(of: Self.mark) == nil)
        let killed = try TestLog(opening: try again.simulated.afterKill())
        #expect(try killed.records().map(\.value) == ["first"])
    }

    @Test func `a tail that was never opened is cut by the start after a clean end`() throws {
        let log = try TestLog(partitions: 2)
        try log.append(["first"], to: 0)
        try log.append(["other"], to: 1)
        try log.flush()
        try log.close()
        let again = try TestLog(opening: try log.simulated.afterKill())
        try again.append(["never flushed"], to: 0)
        // Nobody asks for partition 0 before the end in order.
        let next = try TestLog(opening: try again.simulated.afterKill())
        try next.append(["more"], to: 1)
        try next.flush()
        try next.close()
        let last = try TestLog(opening: try next.simulated.afterKill())
        #expect(last.data.notes.isEmpty)
        #expect(try last.records(of: 0).map(\.value) == ["first"])
        #expect(try last.records(of: 1).map(\.value) == ["other", "more"])
    }

    @Test func `after a clean end a relaxed partition is not opened to be known`() throws {
        let log = try TestLog(["millrace.durability": "relaxed"])
        try log.append(["first"])
        try log.close()
        let again = try TestLog(opening: try log.simulated.afterKill())
        #expect(again.log.knownBounds?.logEnd == Offset(1))
        #expect(again.log.recoveryReport == nil)
        try again.append(["second"])
        let killed = try TestLog(opening: try again.simulated.afterKill())
        #expect(killed.log.knownBounds == nil)
        #expect(try killed.records().map(\.value) == ["first", "second"])
    }

    @Test func `a mark beside another checkpoint counts for nothing`() throws {
        let (older, newer) = try twoBackups { try $0.append(["second"]) }
        let disk = newer.copy()
        try disk.remove(Self.mark)
        try disk.append(try older.content(Self.mark), to: Self.mark)
        let log = try TestLog(opening: disk)
        #expect(log.data.notes.isEmpty)
        try log.append(["third"])
        #expect(try disk.kind(of: Self.mark) == nil)
    }

    @Test func `a folder that nobody can look into is one partition's alone`() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-ends-\(UUID().uuidString)").path
        let disk = PosixDisk()
        try disk.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func open() throws -> DataDirectory {
            try DataDirectory.open(
                disk: disk,
                path: "\(folder)/data",
                owner: "test",
                creates: true,
                time: ManualTimeSource(),
                journal: .small
            )
        }
        let first = try open()
        let logs = try first.createTopic(
            TestLog.topic,
            id: TestLog.topicID,
            partitionCount: 2,
            options: [:]
        )
        for log in logs {
            var batch = TestProducer.batch(["first"], from: nil, at: 0)
            _ = try batch.withUnsafeMutableBytes { try log.append($0, origin: .embedded) }
        }
        try first.groups.flushAndWait(logs)
        try first.close()
        // A file is where a folder was: whatever is asked of it fails.
        try disk.rename("\(folder)/data/t-0", to: "\(folder)/kept")
        try disk.open("\(folder)/data/t-0", .create).close()

        for _ in 0..<2 {
            let report = try LogVerifier.verify(disk: disk, directory: "\(folder)/data")
            #expect(report.findings.contains { $0.file.contains("t-0") })
            let data = try open()
            let partitions = data.partitions(of: TestLog.topicID)
            #expect(throws: LogStorageError.self) { try partitions[0].wake() }
            #expect(try TestLog.records(of: partitions[1]).map(\.value) == ["first"])
            try data.close()
        }
        try FileManager.default.removeItem(atPath: "\(folder)/data/t-0")
        try disk.rename("\(folder)/kept", to: "\(folder)/data/t-0")
        let last = try open()
        #expect(
            try TestLog.records(of: last.partitions(of: TestLog.topicID)[0]).map(\.value)
                == ["first"]
        )
        try last.close()
    }
}
