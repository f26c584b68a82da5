import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What a verification says of batches in a wrong place, and of bytes that are nobody's.
@Suite struct VerificationOrderTests {
    private static let first = "\(TestLog.directory)/00000000000000000000.log"

    private func damage(_ disk: SimulatedDisk) throws -> [VerificationReport.Finding] {
        disk.releaseLocks()
        return try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
            .filter { $0.severity == .damage }
    }

    /// Where the batches of a segment begin.
    private func begins(_ disk: SimulatedDisk, _ path: String) throws -> [Int64] {
        let file = try disk.open(path, .read)
        var begins: [Int64] = []
        var scanner = SegmentScanner(file: file, from: 0, to: try file.byteCount())
        while case .batch(let batch) = try scanner.next() {
            begins.append(scanner.position)
            scanner.advance(by: batch.byteCount)
        }
        return begins
    }

    /// Two segments at least, each of several batches of two records.
    private func ended() throws -> SimulatedDisk {
        let log = try TestLog(["segment.bytes": "1024"])
        for number in 0..<16 {
            try log.append([String(repeating: "v", count: 40), "\(number)"])
        }
        try log.flush()
        try log.close()
        return try log.simulated.copy()
    }

    /// The byte of the base offset whose bits make it greater, or impossible.
    @Test(arguments: [(7, 2), (7, 1), (5, 3), (0, 6), (0, 7)], [0, 2, -1])
    func `a base offset that is wrong is told once, whatever lies behind it`(
        place: (byte: Int, bit: Int),
        batch: Int
    ) throws {
        let disk = try ended()
        let begins = try begins(disk, Self.first)
        #expect(begins.count > 4)
        let position = batch < 0 ? begins[begins.count - 1] : begins[batch]
        disk.rot(Self.first, at: Int(position) + place.byte, bit: place.bit)
        let found = try damage(disk)
        #expect(found.map(\.position) == [position], "\(found)")
        #expect(found.map(\.file) == [Self.first])
    }

    @Test func `each of several places is told`() throws {
        let disk = try ended()
        let begins = try begins(disk, Self.first)
        disk.rot(Self.first, at: Int(begins[1]) + 5, bit: 3)
        // The checksum's, with a whole batch behind it.
        disk.rot(Self.first, at: Int(begins[3]) + 17, bit: 0)
        let second = try #require(
            try disk.list(TestLog.directory).filter { $0.hasSuffix(".log") }.sorted().dropFirst()
                .first
        )
        let path = "\(TestLog.directory)/\(second)"
        let behind = try self.begins(disk, path)[1]
        disk.rot(path, at: Int(behind) + 5, bit: 3)
        let found = try damage(disk)
        #expect(found.map(\.position) == [begins[1], begins[3], behind], "\(found)")
    }

    @Test func `batches that are missing in the middle are told once`() throws {
        let disk = try ended()
        let begins = try begins(disk, Self.first)
        var bytes = try disk.content(Self.first)
        bytes.removeSubrange(Int(begins[1])..<Int(begins[3]))
        try disk.remove(Self.first)
        try disk.append(bytes, to: Self.first)
        let found = try damage(disk)
        #expect(found.map(\.position) == [begins[1]], "\(found)")
    }

    @Test func `bytes behind the batches of a closed segment are a note, as a start has them`()
        throws
    {
        let disk = try ended()
        let end = Int64(try disk.content(Self.first).count)
        try disk.append([UInt8](repeating: 7, count: 30), to: Self.first)
        let found = try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
        #expect(found.map(\.severity) == [.note], "\(found)")
        #expect(found.map(\.position) == [end])
        #expect(found.first?.reason.hasPrefix("30 bytes lie behind") == true)
        let again = try TestLog(opening: disk)
        #expect(try again.recovery?.damage == nil)
        #expect(try again.records().count == 32)
    }

    @Test func `a base offset that is wrong in a compacted segment is told once`() throws {
        let disk = SimulatedDisk()
        let options = [
            "cleanup.policy": "compact", "segment.bytes": "1024", "max.message.bytes": "512",
            "min.cleanable.dirty.ratio": "0",
        ]
        let log = try TestLog(options, disk: disk)
        for number in 0..<60 {
            try log.append(number, key: number % 6 == 0 ? "same" : "key \(number)")
        }
        try log.flush()
        try log.data.writeBack(all: false)
        #expect(try log.log.clean { _ in true })
        try log.close()
        let ended = disk.afterKill()
        #expect(try damage(ended).isEmpty)
        let begins = try begins(ended, Self.first)
        #expect(begins.count > 3)
        for byte in [0, 5, 7] {
            let changed = ended.copy()
            changed.rot(Self.first, at: Int(begins[1]) + byte, bit: 5)
            let found = try damage(changed)
            #expect(found.count == 1, "byte \(byte): \(found)")
        }
    }
}
