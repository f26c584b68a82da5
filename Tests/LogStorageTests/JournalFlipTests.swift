import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// One bit of the journal's files turns over: found, harmless, or a torn tail, the last group only.
@Suite struct JournalFlipTests {
    private static let shardCount = 8

    /// Groups over three partitions, in two files, nothing written back. The last group is of the
    /// third partition alone.
    private struct Written {
        let disk: SimulatedDisk
        let records: [[TestLog.Record]]
        let paths: [String]

        init() throws {
            var journal = JournalConfiguration.small
            journal.fileByteCount = 6 << 10
            journal.zeroedByteCount = 1 << 10
            let log = try TestLog(partitions: 3, journal: journal)
            for number in 0..<14 {
                try log.append(["number \(number)"], to: number % 2)
                if number % 3 == 0 { try log.append(["of \(number)"], to: 2) }
                try log.flush()
            }
            try log.append(["the last"], to: 2)
            try log.flush()
            records = try (0..<3).map { try log.records(of: $0) }
            disk = try log.simulated.withoutUnflushed()
            paths = try disk.list(TestLog.journalFolder).filter { $0.hasSuffix(".journal") }
                .map { "\(TestLog.journalFolder)/\($0)" }
        }
    }

    @Test(arguments: 0..<shardCount)
    func `every flipped bit of a journal file is found, harmless, or in the last group`(
        shard: Int
    )
        throws
    {
        let written = try Written()
        try #require(written.paths.count == 2)
        var (found, harmless, torn) = (0, 0, 0)
        for path in written.paths {
            let bytes = try written.disk.content(path)
            for bit in stride(from: shard, to: bytes.count * 8, by: Self.shardCount) {
                // The rest of the header's block is zeros that nobody reads.
                if (64..<JournalFileHeader.byteCount).contains(bit / 8), bit % 61 != shard {
                    continue
                }
                switch try outcome(of: written.disk.flipped(path, bit: bit), written) {
                case .found: found += 1
                case .harmless: harmless += 1
                case .torn: torn += 1
                case .lost(let what): Issue.record("\(path), bit \(bit): \(what)")
                }
            }
        }
        #expect(found > 500 && harmless > 100 && torn > 20, "\(found) \(harmless) \(torn)")
    }

    private enum Outcome {
        case found
        case harmless
        case torn
        case lost(String)
    }

    /// Two starts in a row. Where the first one cannot tell whose a damaged group was, it says so
    /// and every partition is read-only, then and later.
    private func outcome(of disk: SimulatedDisk, _ written: Written) throws -> Outcome {
        var wasFound = false
        var shown: [[TestLog.Record]] = []
        for _ in 0..<2 {
            disk.releaseLocks()
            let log = try TestLog(opening: disk)
            shown = try (0..<3).map { try log.records(of: $0) }
            let isReadOnly = log.logs.map { $0.readOnlyReason != nil }
            wasFound = wasFound || !log.data.notes.isEmpty
            for partition in 0..<3 {
                let expected = written.records[partition]
                if shown[partition] == expected { continue }
                if Array(expected.prefix(shown[partition].count)) != shown[partition] {
                    return .lost("partition \(partition) shows \(shown[partition])")
                }
                if isReadOnly[partition] || wasFound { continue }
                // Silently less: the last group alone.
                guard partition == 2, shown[partition].count == expected.count - 1 else {
                    return .lost("partition \(partition) shows \(shown[partition].count) records")
                }
            }
            log.data.release()
        }
        if wasFound { return .found }
        return shown == written.records ? .harmless : .torn
    }

    @Test func `the partitions of a damaged group stay read-only, and nothing of them is cut`()
        throws
    {
        let log = try TestLog(partitions: 3)
        try log.append(["a"], to: 0)
        try log.append(["b"], to: 1)
        try log.flush()
        try log.append(["of the damaged group"], to: 0)
        try log.flush()
        try log.append(["c"], to: 2)
        try log.flush()
        let disk = try log.simulated.afterKill()
        let journal = "\(TestLog.journalFolder)/1.journal"
        let text = Array("of the damaged group".utf8)
        let bytes = try disk.content(journal)
        let place = try #require(
            bytes.indices.first { bytes[$0...].starts(with: text) }
        )
        disk.rot(journal, at: place, bit: 0)
        for round in 0..<3 {
            disk.releaseLocks()
            let again = try TestLog(opening: disk)
            #expect(again.data.notes.isEmpty == (round > 0))
            #expect(try again.recovery?.damage != nil)
            #expect(try again.recovery?.cut == nil)
            #expect(throws: LogStorageError.self) { try again.append(["more"], to: 0) }
            // The segment has what the group told of.
            #expect(try again.records(of: 0).map(\.value).first == "a")
            for partition in 1..<3 {
                try again.append(["more"], to: partition)
                try again.data.groups.flushAndWait([again.logs[partition]])
                #expect(try again.records(of: partition).count == round + 2)
            }
            if round == 1 { try again.close() }
        }
        #expect(try disk.open("/data/t-0/\(FlushTests.first)", .read).byteCount() > 150)
    }

    @Test func `every flipped bit of the directory's checkpoint is found and loses nothing`() throws
    {
        let log = try TestLog(["segment.bytes": "1024"], partitions: 3)
        for number in 0..<30 { try log.append(["number \(number)"], to: number % 2) }
        try log.close()
        let records = try (0..<3).map { try log.records(of: $0) }
        let disk = try log.simulated
        for bit in 0..<(try disk.content(TestLog.checkpoint).count) * 8 {
            let flipped = disk.flipped(TestLog.checkpoint, bit: bit)
            for round in 0..<2 {
                flipped.releaseLocks()
                let again = try TestLog(opening: flipped)
                #expect(round > 0 || !again.data.notes.isEmpty, "bit \(bit) passed unseen")
                #expect(try (0..<3).map { try again.records(of: $0) } == records, "bit \(bit)")
                #expect(again.logs.allSatisfy { $0.readOnlyReason == nil })
            }
        }
    }

    @Test func `every flipped bit of what is held for a partition is found or harmless`() throws {
        let log = try TestLog(partitions: 2)
        let disk = try log.simulated
        for partition in 0..<2 { try log.append(["of \(partition)"], to: partition) }
        try log.flush()
        disk.inject(DiskFault(.operation(.sync), onPathEnding: "t-0/\(FlushTests.first)"))
        try log.data.writeBack(all: false)
        try log.close()
        let state = disk.withoutUnflushed()
        let path = "\(TestLog.journalFolder)/held"
        for bit in 0..<(try state.content(path).count) * 8 {
            if (64..<JournalFileHeader.byteCount).contains(bit / 8), bit % 61 != 0 { continue }
            let flipped = state.flipped(path, bit: bit)
            var wasFound = false
            for _ in 0..<2 {
                flipped.releaseLocks()
                let again = try TestLog(opening: flipped)
                let records = try again.records(of: 0)
                wasFound = wasFound || !again.data.notes.isEmpty && again.log.readOnlyReason != nil
                #expect(records.count == 1 || wasFound, "bit \(bit) passed unseen")
                #expect(try again.records(of: 1).count == 1)
            }
        }
    }
}
