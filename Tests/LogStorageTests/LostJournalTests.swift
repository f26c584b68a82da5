import Bytes
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// The journal's files, or the table of topics, are not what they were: nothing is cut in silence.
@Suite struct LostJournalTests {
    private static func journal(_ number: Int) -> String {
        "\(TestLog.journalFolder)/\(Journal.name(number))"
    }

    private static let table = "\(TestLog.root)/\(TopicTable.fileName)"

    // MARK: Cut short

    /// A group before the first write-back and one behind it, then the process is killed.
    private func killed(writesBack: Bool) throws -> SimulatedDisk {
        let log = try TestLog(partitions: 2)
        try log.append(["first"], to: 0)
        try log.flush()
        if writesBack { try log.data.writeBack(all: false) }
        try log.append(["second"], to: 0)
        try log.append(["other"], to: 1)
        try log.flush()
        return try log.simulated.afterKill()
    }

    @Test(arguments: [0, 1])
    func `a torn tail beside a lost journal says how it is given up`(later: Int64) throws {
        let disk = try killed(writesBack: true)
        let segment = "\(TestLog.directory)/\(SegmentName.base(.zero)).log"
        let whole = try disk.content(segment)
        try disk.append(Array(whole.prefix(whole.count / 3)), to: segment)
        let torn = try disk.content(segment).count
        let next = "\(TestLog.directory)/\(SegmentName.base(Offset(7))).log"
        if later > 0 { try disk.append(whole, to: next) }
        try disk.remove(Self.journal(1))
        let again = try TestLog(opening: disk)
        let damage = try #require(try again.recovery?.damage)
        let cut = "truncate --size=\(whole.count) '\(segment)'"
        #expect(damage.wayOut == (later > 0 ? "rm '\(next)' && \(cut)" : cut))
        let reason = again.log.readOnlyReason ?? ""
        #expect(reason.contains("the last \(torn - whole.count) bytes of the file"), "\(reason)")
        #expect(try disk.content(segment).count == torn)
        try again.close()

        // The journal is there by now, and what was in doubt stays so until a person decides.
        disk.releaseLocks()
        #expect(try TestLog(opening: disk).recovery?.damage?.wayOut == damage.wayOut)
        if later > 0 { try disk.remove(next) }
        try disk.open(segment, .readWrite).truncate(to: Int64(whole.count))
        for round in 0..<2 {
            disk.releaseLocks()
            let mended = try TestLog(opening: disk)
            #expect(try mended.recovery?.damage == nil)
            #expect(try mended.records().count == 2 + round)
            try mended.append(["more"])
            try mended.flush()
        }
    }

    private func expectAll(_ disk: SimulatedDisk, _ what: String) throws {
        for round in 0..<2 {
            disk.releaseLocks()
            let again = try TestLog(opening: disk)
            #expect(
                again.data.notes.contains { $0.contains("nothing is cut") } == (round == 0),
                "\(what): \(again.data.notes)"
            )
            #expect(try again.records(of: 0).map(\.value) == ["first", "second"], "\(what)")
            #expect(try again.records(of: 1).count == 1 + round, "\(what)")
            try again.append(["more"], to: 1)
            try again.flush()
        }
    }

    @Test(arguments: [true, false])
    func `a journal file that was cut short is damage wherever the cut is`(
        writesBack: Bool
    ) throws {
        let disk = try killed(writesBack: writesBack)
        let byteCount = try disk.content(Self.journal(1)).count
        for cut in [0, 1, 40, 100, 4095, 4096, 4100, 4200, 4300, 4400, byteCount - 1] {
            let damaged = disk.copy()
            try damaged.open(Self.journal(1), .readWrite).truncate(to: Int64(cut))
            try expectAll(damaged, "\(cut) bytes")
        }
    }

    @Test(arguments: [true, false])
    func `a journal file that is gone is missed, also before the first write-back`(
        writesBack: Bool
    ) throws {
        let disk = try killed(writesBack: writesBack)
        try disk.remove(Self.journal(1))
        try expectAll(disk, "removed")
    }

    @Test func `verify says of a lost or a damaged journal what the next start does`() throws {
        let lost = try killed(writesBack: true)
        try lost.remove(Self.journal(1))
        let whole = try killed(writesBack: false)
        let group = JournalFileHeader.byteCount + 40
        for (what, disk) in [
            ("lost", lost), ("damaged", whole.flipped(Self.journal(1), bit: group * 8)),
        ] {
            let report = try LogVerifier.verify(disk: disk, directory: TestLog.root)
            #expect(report.findings.contains { $0.severity == .damage }, "\(what)")
            #expect(
                !report.findings.contains { $0.reason.contains("never acknowledged") },
                "\(what): \(report.findings)"
            )
            #expect(try TestLog(opening: disk).recovery?.cut == nil, "\(what)")
        }
    }

    @Test func `the last of several journal files is missed`() throws {
        var journal = JournalConfiguration.small
        journal.fileByteCount = 6 << 10
        journal.zeroedByteCount = 1 << 10
        let log = try TestLog(journal: journal)
        for number in 0..<14 {
            try log.append(["number \(number)"])
            try log.flush()
        }
        let records = try log.records()
        let disk = try log.simulated.afterKill()
        let last = try #require(
            try disk.list(TestLog.journalFolder).filter { $0.hasSuffix(".journal") }.max()
        )
        #expect(last != "1.journal")
        try disk.remove("\(TestLog.journalFolder)/\(last)")
        let again = try TestLog(opening: disk, journal: journal)
        #expect(again.data.notes.contains { $0.contains("\(last) is missing") })
        #expect(try again.records() == records)
    }

    @Test func `a journal file whose making was cut short is no damage`() throws {
        var count = 0
        for kept in [false, true] {
            for operation in 0... {
                let disk = SimulatedDisk()
                let log = try TestLog(disk: disk)
                try log.append(["lost or not"])
                let before = disk.operationCount
                disk.losePower(atOperation: before + operation)
                let isWritten = (try? log.flush()) != nil
                let plan = disk.crashPlan()
                let found = disk.crashState(
                    plan,
                    keeping: kept ? plan.everythingKept : plan.nothingKept
                )
                let again = try TestLog(opening: found)
                #expect(again.data.notes.isEmpty, "\(operation): \(again.data.notes)")
                #expect(again.log.readOnlyReason == nil)
                try again.append(["more"])
                try again.flush()
                if isWritten {
                    #expect(try again.records().count == 2)
                    break
                }
                count += 1
            }
        }
        #expect(count > 10)
    }

    @Test func `a power loss in the try after one that could not enter its file loses nothing`()
        throws
    {
        for kept in [false, true] {
            for operation in 0... {
                let disk = SimulatedDisk()
                let log = try TestLog(disk: disk)
                try log.append(["lost or not"])
                disk.inject(DiskFault(.operation(.syncDirectory), onPathEnding: "/.millrace"))
                #expect(throws: LogStorageError.self) { try log.flush() }
                disk.losePower(atOperation: disk.operationCount + operation)
                let isWritten = (try? log.flush()) != nil
                let plan = disk.crashPlan()
                let found = disk.crashState(
                    plan,
                    keeping: kept ? plan.everythingKept : plan.nothingKept
                )
                let again = try TestLog(opening: found)
                #expect(again.data.notes.isEmpty, "\(operation): \(again.data.notes)")
                try again.append(["more"])
                try again.flush()
                #expect(try again.afterPowerLoss().data.notes.isEmpty)
                if isWritten {
                    #expect(try again.records().count == 2)
                    break
                }
            }
        }
    }

    @Test func `a file that cannot be entered is made once, however often that is tried`() throws {
        let log = try TestLog()
        try log.append(["kept"])
        try log.simulated.inject(
            DiskFault(.operation(.syncDirectory), onPathEnding: "/.millrace", times: 5)
        )
        for _ in 0..<5 {
            #expect(throws: LogStorageError.self) { try log.flush() }
            #expect(try log.disk.list(TestLog.journalFolder) == ["1.journal"])
        }
        try log.flush()
        #expect(try log.afterPowerLoss().records().map(\.value) == ["kept"])
        try log.close()
    }

    @Test func `a file that the list does not name is removed only once that is sure`() throws {
        let log = try TestLog()
        try log.append(["kept"])
        try log.flush()
        try log.close()
        let disk = try log.simulated
        let list = JournalLedger.path(of: TestLog.journalFolder)
        // A list without the file was put in its place, and the process ended before the flush.
        let files = PartitionFiles(disk: disk, directory: TestLog.root)
        try files.replace(list, with: JournalLedger.encode([]))
        #expect(try disk.content(list) != disk.withoutUnflushed().content(list))
        for operation in 0... {
            let state = disk.copy()
            state.releaseLocks()
            state.losePower(atOperation: state.operationCount + operation)
            let isOpen = (try? TestLog(opening: state)) != nil
            let again = try TestLog(opening: state.withoutUnflushed())
            #expect(again.data.notes.isEmpty, "\(operation): \(again.data.notes)")
            if isOpen { break }
        }
    }

    // MARK: A file that cannot be made

    @Test(arguments: [
        (DiskOperation.create, "1.journal"), (.write, "1.journal"), (.sync, "1.journal"),
        (.syncDirectory, "/journal"), (.create, "journal-files.tmp"),
        (.rename, "journal-files.tmp"), (.syncDirectory, "/.millrace"),
    ])
    func `a journal file that cannot be made costs one try`(
        operation: DiskOperation,
        path: String
    ) throws {
        let log = try TestLog()
        try log.append(["kept"])
        try log.simulated.inject(DiskFault(.operation(operation), onPathEnding: path))
        #expect(throws: LogStorageError.self) { try log.flush() }
        #expect(log.log.readOnlyReason == nil)
        try log.append(["more"])
        try log.flush()
        let again = try log.afterPowerLoss()
        #expect(again.data.notes.isEmpty)
        #expect(try again.records().map(\.value) == ["kept", "more"])
    }

    // MARK: The table of topics

    @Test(arguments: [true, false])
    func `a topic that an older table does not name loses nothing`(writesBack: Bool) throws {
        let log = try TestLog()
        let disk = try log.simulated
        let older = try disk.content(Self.table)
        let id = UniqueID(high: 7, low: 7)
        let other = try log.data.createTopic("other", id: id, partitionCount: 1, options: [:])[0]
        var batch = TestProducer.batch(["kept"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try other.append($0, origin: .embedded) }
        try log.append(["first"])
        try log.data.groups.flushAndWait([log.log, other])
        if writesBack { try log.data.writeBack(all: false) }
        let state = disk.withoutUnflushed()
        let newer = try state.content(Self.table)
        for round in 0..<3 {
            try state.remove(Self.table)
            try state.append(round == 2 ? newer : older, to: Self.table)
            state.releaseLocks()
            let again = try TestLog(opening: state)
            // It is told once.
            let notes = again.data.notes.filter { $0.contains("does not name") }
            #expect(notes.count == (round == 0 ? 1 : 0), "round \(round): \(notes)")
            #expect(notes.allSatisfy { $0.contains(writesBack ? "name other," : "1 topic") })
            #expect(try again.records().count == 1 + round)
            try again.append(["more"])
            try again.flush()
            if round == 2 {
                let other = again.data.partitions(of: id)[0]
                #expect(try TestLog.records(of: other).map(\.value) == ["kept"])
                #expect(other.readOnlyReason == nil)
            }
            try again.close()
        }
    }

    /// What lies in a data directory and is none of it.
    enum Stranger: CaseIterable {
        case fileNamedLikeAPartition
        case markThatIsAFolder
        case noteThatIsAFolder
    }

    @Test(arguments: Stranger.allCases)
    func `what is in the way of the note about an older table keeps nothing from opening`(
        stranger: Stranger
    ) throws {
        let log = try TestLog()
        let older = try log.simulated.content(Self.table)
        let id = UniqueID(high: 7, low: 7)
        let other = try log.data.createTopic("other", id: id, partitionCount: 1, options: [:])[0]
        var batch = TestProducer.batch(["kept"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try other.append($0, origin: .embedded) }
        try log.append(["first"])
        try log.data.groups.flushAndWait([log.log, other])
        try log.data.writeBack(all: false)
        let state = try log.simulated.withoutUnflushed()
        try state.remove(Self.table)
        try state.append(older, to: Self.table)
        switch stranger {
        case .fileNamedLikeAPartition:
            try state.append([1], to: "\(TestLog.root)/notes-1")
        case .markThatIsAFolder:
            try state.createDirectory("\(TestLog.root)/x-0")
            try state.createDirectory("\(TestLog.root)/x-0/\(FolderMark.fileName)")
        case .noteThatIsAFolder:
            try state.createDirectory("\(TestLog.root)/\(DataDirectory.ownFolder)/unnamed")
        }
        state.releaseLocks()
        let again = try TestLog(opening: state)
        #expect(again.data.notes.contains { $0.contains("does not name other,") })
        #expect(try again.records().count == 1)
        // The state lasts where it is asked for.
        let folder = "\(TestLog.root)/other-0"
        #expect(again.data.isOfUnnamedTopic(folder: folder))
        #expect(!again.data.isOfUnnamedTopic(folder: "\(TestLog.root)/notes-1"))
        try again.close()
        state.releaseLocks()
        let findings = try LogVerifier.verify(disk: state, directory: TestLog.root).findings
        let found = findings.filter { $0.file == folder }
        #expect(found.map(\.severity) == [.damage])
        #expect(found.allSatisfy { $0.reason.contains("does not name its topic") })
    }

    @Test func `a file named like a partition is not in the way of a deletion`() throws {
        let log = try TestLog()
        let id = UniqueID(high: 7, low: 7)
        _ = try log.data.createTopic("notes", id: id, partitionCount: 1, options: [:])
        let disk = try log.simulated
        for name in ["notes-0x", "notes-5"] {
            try disk.append([1], to: "\(TestLog.root)/\(name)")
        }
        try log.data.removeTopic("notes")
        #expect(try disk.list(TestLog.root).filter { $0.hasPrefix("notes") }.count == 2)
        let next = UniqueID(high: 7, low: 8)
        #expect(throws: LogStorageError.foreignDirectory("\(TestLog.root)/notes-5")) {
            _ = try log.data.createTopic("notes", id: next, partitionCount: 1, options: [:])
        }
    }

    @Test func `nothing stays of a deleted topic, in the table or in the checkpoint`() throws {
        let log = try TestLog()
        let id = UniqueID(high: 7, low: 7)
        let other = try log.data.createTopic("other", id: id, partitionCount: 1, options: [:])[0]
        var batch = TestProducer.batch(["gone"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try other.append($0, origin: .embedded) }
        try log.data.groups.flushAndWait([other])
        try log.data.writeBack(all: false)
        try log.data.removeTopic("other")
        let states = [try log.simulated.withoutUnflushed(), try log.simulated]
        try log.close()
        for state in states {
            state.releaseLocks()
            let again = try TestLog(opening: state)
            #expect(again.data.notes.isEmpty, "\(again.data.notes)")
            try again.close()
            #expect(try !state.content(Self.table).contains(UInt8(ascii: "!")))
            let checkpoint = DirectoryCheckpoint(try state.content(TestLog.checkpoint))
            #expect(checkpoint?.partitions.keys.contains { $0.topicID == id } == false)
            #expect(try state.kind(of: "\(TestLog.journalFolder)/held") == nil)
        }
    }

    @Test func `an option that cannot be used stops its topic alone, and loses nothing`() throws {
        let log = try TestLog()
        let id = UniqueID(high: 7, low: 7)
        let other = try log.data.createTopic("other", id: id, partitionCount: 1, options: [:])[0]
        var batch = TestProducer.batch(["kept"], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try other.append($0, origin: .embedded) }
        try log.append(["first"])
        try log.data.groups.flushAndWait([log.log, other])
        let disk = try log.simulated.withoutUnflushed()
        let files = PartitionFiles(disk: disk, directory: TestLog.root)
        for options in [["retention.ms": "soon"], ["of.another.version": "1"], [:]] {
            var table = try TopicTable.load(files)
            table.topics["other"]?.options = options
            try table.store(files)
            disk.releaseLocks()
            let again = try TestLog(opening: disk)
            try again.append(["more"])
            try again.flush()
            let other = again.data.partitions(of: id)[0]
            if options.isEmpty {
                #expect(try TestLog.records(of: other).map(\.value) == ["kept"])
            } else {
                #expect(other.offlineReason?.contains("the options of topic other") == true)
                #expect(again.data.notes.contains { $0.contains("offline") })
            }
            try again.close()
        }
    }

    // MARK: A group of nobody knows whom

    @Test func `a damaged group that names nobody keeps every partition read-only`() throws {
        let log = try TestLog(partitions: 2)
        for value in ["a", "b", "c"] {
            try log.append([value], to: 0)
            try log.flush()
        }
        let disk = try log.simulated.afterKill()
        let magic = Array("MRG2".utf8)
        let bytes = try disk.content(Self.journal(1))
        let second = try #require(
            bytes.indices.filter { bytes[$0...].starts(with: magic) }.dropFirst().first
        )
        disk.rot(Self.journal(1), at: second, bit: 0)
        for round in 0..<3 {
            disk.releaseLocks()
            let again = try TestLog(opening: disk)
            #expect(again.data.notes.isEmpty == (round > 0))
            for partition in 0..<2 {
                #expect(throws: LogStorageError.self) { try again.append(["x"], to: partition) }
            }
            #expect(try again.records(of: 0).first?.value == "a")
            try again.close()
        }
        // What its reason says may be done.
        for folder in [TestLog.journalFolder, "\(TestLog.root)/.millrace"] {
            for name in try disk.list(folder) { try disk.remove("\(folder)/\(name)") }
            try disk.removeDirectory(folder)
        }
        disk.releaseLocks()
        let again = try TestLog(opening: disk)
        #expect(try again.records(of: 0).map(\.value) == ["a", "b", "c"])
        try again.append(["x"], to: 0)
        try again.flush()
    }
}
