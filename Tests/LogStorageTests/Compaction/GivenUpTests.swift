import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// What a person gives up of a compacted log, and what `compacted-segments` says of it then.
@Suite struct GivenUpTests {
    private static let options = [
        "cleanup.policy": "compact", "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0",
        "max.message.bytes": "512",
    ]
    private static let list = "\(TestLog.directory)/\(CompactedSegments.fileName)"

    /// A log of several compacted segments, each of which has lost a record and keeps the others,
    /// and some that the cleaner did not come to; ended in order.
    private func ended() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let log = try TestLog(Self.options, disk: disk)
        for number in 0..<60 {
            try log.append(number, key: number % 6 == 0 ? "same" : "key \(number)")
        }
        try log.flush()
        try log.data.writeBack(all: false)
        #expect(try log.log.clean { _ in true })
        try log.close()
        return disk.afterKill()
    }

    private func open(_ disk: SimulatedDisk) throws -> TestLog {
        disk.releaseLocks()
        let log = try TestLog(opening: disk)
        _ = try log.recovery
        return log
    }

    /// The segments' files with their sizes, in order.
    private func segments(_ disk: SimulatedDisk) throws -> [(path: String, byteCount: Int)] {
        try disk.list(TestLog.directory).filter { $0.hasSuffix(".log") }.sorted().map {
            let path = "\(TestLog.directory)/\($0)"
            return (path, try disk.content(path).count)
        }
    }

    private func entries(_ disk: SimulatedDisk) throws -> [CompactedSegments.Entry] {
        let files = PartitionFiles(disk: disk, directory: TestLog.directory)
        return try CompactedSegments(in: files).entries
    }

    private func verify(_ disk: SimulatedDisk) throws -> VerificationReport {
        disk.releaseLocks()
        return try LogVerifier.verify(disk: disk, directory: TestLog.root)
    }

    private func loseOwnFolder(_ disk: SimulatedDisk) throws {
        for folder in [TestLog.journalFolder, "\(TestLog.root)/.millrace"] {
            for name in try disk.list(folder) where name != "journal" {
                try disk.remove("\(folder)/\(name)")
            }
        }
    }

    /// What the message of a damaged log has a person do: all behind the place goes.
    private func giveUp(_ disk: SimulatedDisk, from segment: Int, at byteCount: Int64) throws {
        try loseOwnFolder(disk)
        #expect(try open(disk).recovery?.damage?.wayOut != nil)
        let all = try segments(disk)
        for later in all[(segment + 1)...] { try disk.remove(later.path) }
        let file = try disk.open(all[segment].path, .readWrite)
        try file.truncate(to: byteCount)
        try file.sync()
    }

    private func batchEnds(_ disk: SimulatedDisk, _ path: String) throws -> [Int64] {
        let file = try disk.open(path, .read)
        var ends: [Int64] = []
        var scanner = SegmentScanner(file: file, from: 0, to: try file.byteCount())
        while case .batch(let batch) = try scanner.next() {
            scanner.advance(by: batch.byteCount)
            ends.append(scanner.position)
        }
        return ends
    }

    @Test(arguments: [0, 1, 2], [0, 2])
    func `what is whole in front of the damage is kept, and the log goes on`(
        segment: Int,
        wholeCount: Int
    ) throws {
        let disk = try ended()
        let damaged = try segments(disk)[segment].path
        let kept = ([0] + (try batchEnds(disk, damaged)))[wholeCount]
        let before = try open(disk.copy()).records()
        disk.rot(damaged, at: Int(kept) + 70, bit: 3)
        try giveUp(disk, from: segment, at: kept)

        let log = try open(disk)
        let whole = try log.records()
        #expect(whole == Array(before.prefix(whole.count)))
        #expect(whole.count >= segment * 4 + wholeCount)
        #expect(
            try entries(disk).allSatisfy { entry in
                log.log.state.withLock { $0.segments.contains { $0.baseOffset == entry.base } }
            }
        )
        // Over all the offsets that were there once.
        for number in 100..<220 {
            try log.append(number, key: number % 6 == 0 ? "same" : "key \(number)")
            if number == 104 {
                // What came first after that is acknowledged like anything else.
                try log.flush()
                let lost = try log.afterPowerLoss()
                #expect(try lost.recovery?.damage == nil)
                #expect(try lost.records().count == whole.count + 5)
            }
        }
        try log.flush()
        try log.data.writeBack(all: false)
        _ = try log.log.clean { _ in true }
        #expect(log.log.cleaningProblem == nil)
        let records = try log.records()
        #expect(records.contains { $0.value.hasPrefix("219 ") })
        try log.close()
        #expect(try verify(disk).findings.filter { $0.severity == .damage } == [])
        #expect(try open(disk).records() == records)
    }

    /// As a copy from before the cleaning is, put back in its place.
    /// The last records of a segment are gone, so that its last batch ends before its entry does.
    @Test(arguments: [true, false])
    func `bytes behind a compacted segment are nobody's, whatever it ends with`(
        isOrderly: Bool
    ) throws {
        let disk = SimulatedDisk()
        let log = try TestLog(Self.options, disk: disk)
        for number in 0..<60 {
            try log.append(number, key: number % 8 < 5 ? "key \(number)" : "same")
        }
        try log.flush()
        try log.data.writeBack(all: false)
        #expect(try log.log.clean { _ in true })
        let records = try log.records()
        try log.close()
        let ended = disk.afterKill()
        var gapCount = 0
        for entry in try entries(ended) {
            let changed = ended.copy()
            let path = "\(TestLog.directory)/\(SegmentName.base(entry.base)).log"
            var last: Int64 = -1
            try changed.content(path).withUnsafeBytes { bytes in
                var batches = RecordBatchSequence(bytes)
                while let batch = try batches.next() { last = batch.lastOffset.rawValue }
            }
            if last + 1 < entry.end.rawValue { gapCount += 1 }
            try changed.append([UInt8](repeating: 0, count: 100), to: path)
            // A verification says what the start does.
            let found = try verify(changed).findings
            #expect(found.map(\.severity) == [.note], "\(found)")
            #expect(found.first?.file == path)
            if !isOrderly { try loseOwnFolder(changed) }
            let again = try open(changed)
            #expect(again.log.readOnlyReason == nil, "segment \(entry.base.rawValue)")
            #expect(try again.records().count == records.count)
            try again.append(60, key: "more")
            try again.close()
        }
        #expect(gapCount > 0, "no segment ends in a gap")
    }

    @Test func `a compacted segment that is longer than it was is damage, and shows nothing`()
        throws
    {
        let disk = SimulatedDisk()
        let log = try TestLog(Self.options, disk: disk)
        for number in 0..<60 {
            try log.append(number, key: number % 6 == 0 ? "same" : "key \(number)")
        }
        try log.flush()
        try log.data.writeBack(all: false)
        let path = try segments(disk)[0].path
        let before = try disk.content(path)
        #expect(try log.log.clean { _ in true })
        let records = try log.records()
        try log.close()
        let ended = disk.afterKill()
        #expect(try ended.content(path).count < before.count)
        let file = try ended.open(path, .readWrite)
        try before.withUnsafeBytes { try file.write($0, at: 0) }
        try file.sync()

        #expect(try !verify(ended).findings.filter { $0.severity == .damage }.isEmpty)
        let again = try open(ended)
        #expect(throws: LogStorageError.self) { try again.records() }
        #expect(records.count > 0)
    }

    @Test func `an entry that another reaches into is replaced by it`() {
        var list = CompactedSegments()
        list.begin(.init(base: Offset(0), end: Offset(10), byteCount: 5, checksum: 1))
        list.complete()
        list.begin(.init(base: Offset(4), end: Offset(20), byteCount: 7, checksum: 2))
        list.complete()
        #expect(list.entries.map(\.base) == [Offset(4)])
    }

    @Test func `a cleaning's end behind the log's is forgotten`() throws {
        let disk = try ended()
        let first = try segments(disk)[0]
        disk.rot(first.path, at: 70, bit: 3)
        try giveUp(disk, from: 0, at: 0)
        let log = try open(disk)
        #expect(log.log.state.withLock { $0.compacted.firstDirtyOffset } == Offset.zero)
        #expect(try log.records() == [])
    }

    @Test func `a compacted segment that is missing or cut is found by the start`() throws {
        let whole = try ended()
        let before = try open(whole.copy()).records()
        let all = try segments(whole)
        for isMissing in [true, false] {
            let disk = whole.copy()
            if isMissing {
                try disk.remove(all[2].path)
            } else {
                let file = try disk.open(all[2].path, .readWrite)
                try file.truncate(to: try batchEnds(disk, all[2].path)[0])
                try file.sync()
            }
            let log = try open(disk)
            #expect(try log.recovery?.damage != nil)
            #expect(throws: LogStorageError.self) { try log.append(1, key: "k") }
            let records = try log.records()
            #expect(!records.isEmpty && records == Array(before.prefix(records.count)))
        }
    }

    @Test func `batches in front of a bad one are read, and nothing behind it in its place`() throws
    {
        let disk = try ended()
        let log = try open(disk)
        let before = try log.records()
        let damaged = try segments(disk)[1].path
        let ends = try batchEnds(disk, damaged)
        disk.rot(damaged, at: Int(ends[1]) + 70, bit: 3)
        // As a later process meets it.
        log.log.state.withLock { $0.checkedSegments = [] }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let base = try #require(entries(disk).dropFirst().first?.base)
        func read(from offset: Offset) throws -> Int {
            try buffer.withUnsafeMutableBytes {
                try log.log.read(
                    from: offset,
                    maxByteCount: $0.count,
                    isolation: .readUncommitted,
                    into: $0
                ).byteCount
            }
        }
        #expect(try read(from: base) == Int(ends[1]))
        #expect(try read(from: .zero) == (try segments(disk)[0].byteCount) + Int(ends[1]))
        let inSecond = before.filter { $0.offset >= base.rawValue }
        #expect(throws: LogStorageError.self) { try read(from: Offset(inSecond[2].offset)) }
    }

    @Test func `behind a gap at the end of what is kept the log goes on`() throws {
        let disk = SimulatedDisk()
        let log = try TestLog(Self.options, disk: disk)
        // The last of each segment goes in the next cleaning.
        for number in 0..<60 {
            try log.append(number, key: number % 6 == 5 ? "same" : "key \(number)")
        }
        try log.flush()
        try log.data.writeBack(all: false)
        #expect(try log.log.clean { _ in true })
        try log.close()
        let left = disk.afterKill()
        let all = try segments(left)
        let kept = try #require(try entries(left).dropFirst().first)
        let files = PartitionFiles(disk: left, directory: TestLog.directory)
        let place = try #require(all.firstIndex { $0.path == files.path(kept.base, .log) })
        left.rot(all[place + 1].path, at: 70, bit: 3)
        try giveUp(left, from: place, at: Int64(all[place].byteCount))
        let again = try open(left)
        let end = try again.log.bounds.logEnd
        #expect(end < kept.end)
        let whole = try again.records()
        for number in 100..<120 { try again.append(number, key: "new \(number)") }
        try again.flush()
        #expect(try again.records().count == whole.count + 20)
        try again.close()
        let next = try open(left)
        #expect(try next.recovery?.damage == nil)
        #expect(try next.records().count == whole.count + 20)
    }

    @Test func `where the order of a segment's batches is wrong none of them is served`() throws {
        let disk = try ended()
        let damaged = try segments(disk)[1].path
        let start = Int(try batchEnds(disk, damaged)[1])
        // The third batch's base offset becomes the one that the fourth has.
        disk.rot(damaged, at: start + 7, bit: 0)
        let base = try #require(entries(disk).dropFirst().first?.base)
        for isScanned in [false, true] {
            let state = disk.copy()
            if isScanned {
                for kind in [".index", ".timeindex"] {
                    try state.remove(String(damaged.dropLast(4)) + kind)
                }
            }
            let log = try open(state)
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            #expect(throws: LogStorageError.self) {
                try buffer.withUnsafeMutableBytes {
                    _ = try log.log.read(
                        from: base,
                        maxByteCount: $0.count,
                        isolation: .readUncommitted,
                        into: $0
                    )
                }
            }
        }
    }

    @Test func `a damaged list keeps its partition offline, and is told once`() throws {
        let disk = try ended()
        disk.rot(Self.list, at: 30, bit: 2)
        #expect(try verify(disk).findings.filter { $0.severity == .damage }.count == 1)
        disk.releaseLocks()
        let log = try TestLog(opening: disk)
        #expect {
            try log.records()
        } throws: { "\($0)".contains("put it back from a copy of the folder") }
    }

    @Test func `a log start that moves during a cleaning leaves its segments what they are`() throws
    {
        let disk = HookedDisk()
        var options = Self.options
        options["cleanup.policy"] = "compact,delete"
        options["retention.ms"] = "-1"
        let log = try TestLog(options, disk: disk)
        func fill(_ numbers: Range<Int>) throws {
            for number in numbers {
                try log.append(number, key: number % 6 == 0 ? "same" : "key \(number)")
            }
            try log.flush()
            try log.data.writeBack(all: false)
        }
        try fill(0..<40)
        #expect(try log.log.clean { _ in true })
        try fill(40..<80)
        let hasMoved = Lock(false)
        disk.onFileOperation { operation, path in
            guard operation == .write, path.hasSuffix("compacted-segments.tmp") else { return nil }
            let isFirst = hasMoved.withLock { known in
                defer { known = true }
                return !known
            }
            if isFirst { try? log.data.groups.deleteRecords(of: log.log, before: Offset(20)) }
            return nil
        }
        #expect(try log.log.clean { _ in true })
        #expect(hasMoved.withLock { $0 })
        let killed = disk.disk.afterKill()
        #expect(try verify(killed).findings.filter { $0.severity == .damage } == [])
        try fill(80..<120)
        #expect(try log.log.clean { _ in true })
        #expect(log.log.cleaningProblem == nil)
        // Without the log start each is still what it was.
        try killed.remove(TestLog.checkpoint)
        #expect(try open(killed).recovery?.damage == nil)
    }
}
