import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// How many files are open, and whose.
@Suite struct FilePoolTests {
    private let disk = SimulatedDisk()

    private func write(_ text: String, _ file: PooledFile) throws {
        try Array(text.utf8).withUnsafeBytes { try file.write($0, at: 0) }
    }

    private func text(_ file: PooledFile) throws -> String {
        String(
            decoding: try PartitionFiles.bytes(of: try file.file(), at: 0, count: 64),
            as: UTF8.self
        )
    }

    @Test func `no more files are open than the budget allows, and all can be read and written`()
        throws
    {
        let pool = FilePool(disk: disk, limit: 3)
        let files = (0..<20).map { PooledFile(path: "f\($0)", pool: pool) }
        for (number, file) in files.enumerated() {
            try file.create()
            try write("\(number)", file)
            #expect(pool.openCount <= 3)
        }
        for _ in 0..<3 {
            for (number, file) in files.enumerated().reversed() {
                #expect(try text(file) == "\(number)")
                #expect(pool.openCount <= 3)
            }
        }
    }

    @Test func `what was written is flushed before its file is let go`() throws {
        let pool = FilePool(disk: disk, limit: 1)
        let files = (0..<4).map { PooledFile(path: "f\($0)", pool: pool) }
        for file in files {
            try file.create()
            try write("x", file)
        }
        try disk.syncDirectory("")
        let after = disk.withoutUnflushed()
        #expect(try (0..<3).map { try after.content("f\($0)") } == [[120], [120], [120]])
    }

    /// What a power loss leaves of a file that is written to while `body` runs, and let go later.
    private func content(
        writingDuring body: (PooledFile, FilePool) throws -> Void
    ) throws -> [UInt8] {
        let gated = GatedDisk(gating: "slow", writes: true)
        let pool = FilePool(disk: gated, limit: 1)
        let slow = PooledFile(path: "slow", pool: pool)
        try slow.create()
        try slow.sync()
        try gated.syncDirectory("")
        gated.close()
        let writer = ThreadGroup()
        writer.start { try? Array("x".utf8).withUnsafeBytes { try slow.write($0, at: 0) } }
        gated.waitUntilOneWaits()
        try body(slow, pool)
        gated.open()
        writer.wait()
        for name in ["last", "very last"] { try PooledFile(path: name, pool: pool).create() }
        #expect(pool.openCount == 1)
        return try gated.disk.withoutUnflushed().content("slow")
    }

    @Test func `a file that is being written to is not let go without a flush of that`() throws {
        let found = try content { _, pool in
            for name in ["first", "second"] { try PooledFile(path: name, pool: pool).create() }
        }
        #expect(found == [120])
    }

    @Test func `a flush during a write does not stand for it`() throws {
        let found = try content { slow, _ in try slow.sync() }
        #expect(found == [120])
    }

    @Test func `a flush that failed as a file was let go is told to the next who asks, for good`()
        throws
    {
        let pool = FilePool(disk: disk, limit: 1)
        let first = PooledFile(path: "first", pool: pool)
        try first.create()
        try write("x", first)
        disk.inject(DiskFault(.operation(.sync), onPathEnding: "first"))
        let second = PooledFile(path: "second", pool: pool)
        try second.create()
        #expect(pool.openCount == 1)
        #expect(throws: DiskError.self) { try first.sync() }
        #expect(throws: DiskError.self) { try first.sync() }
    }

    @Test func `a reader of a deleted file never sees another that has its path`() throws {
        for isOpen in [false, true] {
            let disk = SimulatedDisk()
            let pool = FilePool(disk: disk, limit: 1)
            let old = PooledFile(path: "f", pool: pool)
            try old.create()
            try write("old", old)
            if !isOpen { try PooledFile(path: "other", pool: pool).create() }
            old.discard()
            try disk.remove("f")
            let new = PooledFile(path: "f", pool: pool)
            try new.create()
            try write("new", new)
            if isOpen {
                #expect(try text(old) == "old")
            } else {
                #expect(throws: DiskError.notFound(path: "f")) { try text(old) }
            }
            try old.sync()
            #expect(try text(new) == "new")
        }
    }

    @Test func `a log of many segments works with a few descriptors`() throws {
        var journal = JournalConfiguration.small
        journal.openFileLimit = 2
        let log = try TestLog(["segment.bytes": "1024"], partitions: 6, journal: journal)
        for number in 0..<240 { try log.append(["\(number)"], to: number % 6) }
        try log.flush()
        for partition in 0..<6 {
            #expect(
                try log.records(of: partition).map(\.value)
                    == stride(from: partition, to: 240, by: 6).map { "\($0)" }
            )
        }
        #expect(log.log.context.pool.openCount <= 2)
    }
}
