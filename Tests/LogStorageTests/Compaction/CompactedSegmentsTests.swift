import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// The file that says which segments were compacted.
@Suite struct CompactedSegmentsTests {
    private static func entry(
        _ base: Int64,
        _ end: Int64,
        _ byteCount: Int64 = 10
    )
        -> CompactedSegments.Entry
    {
        CompactedSegments.Entry(
            base: Offset(base),
            end: Offset(end),
            byteCount: byteCount,
            checksum: UInt32(truncatingIfNeeded: base &* 77)
        )
    }

    private static func sample(pending: Bool) -> CompactedSegments {
        var compacted = CompactedSegments()
        for entry in [entry(0, 10), entry(10, 30), entry(50, 60)] {
            compacted.begin(entry)
            compacted.complete()
        }
        compacted.firstDirtyOffset = Offset(60)
        if pending { compacted.begin(entry(0, 30, 99)) }
        return compacted
    }

    @Test(arguments: [false, true])
    func `bytes say what was written`(pending: Bool) {
        let compacted = Self.sample(pending: pending)
        #expect(CompactedSegments(compacted.encoded) == compacted)
        #expect(CompactedSegments(CompactedSegments().encoded) == CompactedSegments())
    }

    @Test func `every flipped bit and every cut is found`() {
        let bytes = Self.sample(pending: true).encoded
        for bit in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(CompactedSegments(flipped) == nil, "bit \(bit)")
        }
        for count in 0..<bytes.count { #expect(CompactedSegments(Array(bytes[..<count])) == nil) }
    }

    @Test func `a completed segment takes the place of those that it covers`() {
        var compacted = Self.sample(pending: true)
        compacted.complete()
        #expect(compacted.pending == nil)
        #expect(compacted.entries == [Self.entry(0, 30, 99), Self.entry(50, 60)])
        #expect(compacted.entry(at: Offset(0)) == Self.entry(0, 30, 99))
        #expect(compacted.entry(at: Offset(10)) == nil)
        #expect(compacted.entry(at: Offset(50)) == Self.entry(50, 60))
        compacted.removeSegments(before: Offset(30))
        #expect(compacted.entries == [Self.entry(50, 60)])
    }

    // MARK: Verification

    /// A topic of two segments of which the first was cleaned.
    private static func cleaned() throws -> CompactedTopic {
        var topic = try CompactedTopic()
        for value in 0..<12 {
            try topic.append([("k\(value % 3)", "\(value)"), ("x", "\(value)")])
        }
        try topic.roll()
        try topic.append([("k0", "new")])
        try topic.clean()
        return topic
    }

    @Test func `every flipped bit of a compacted segment is found, base offsets included`() throws {
        let topic = try Self.cleaned()
        let path = topic.files.path(.zero, .log)
        let byteCount = Int(topic.segments[0].byteCount)
        _ = try ScannedLog(topic.files)
        for position in 0..<byteCount {
            for bit in 0..<8 {
                topic.disk.rot(path, at: position, bit: bit)
                #expect(throws: (any Error).self, "byte \(position), bit \(bit)") {
                    try ScannedLog(topic.files)
                }
                topic.disk.rot(path, at: position, bit: bit)
            }
        }
        _ = try ScannedLog(topic.files)
    }

    @Test func `a moved batch is found at its place, or at the segment's end`() throws {
        let topic = try Self.cleaned()
        let path = topic.files.path(.zero, .log)
        let byteCount = topic.segments[0].byteCount
        func fault() throws -> SegmentContentCheck.Fault? {
            let file = try topic.disk.open(path, .read)
            defer { file.close() }
            return try SegmentContentCheck.firstFault(
                in: file,
                base: .zero,
                byteCount: byteCount,
                end: topic.segments[1].base,
                entry: topic.compacted.entry(at: .zero)
            )
        }
        #expect(try fault() == nil)
        // The first batch, of offset 18, two offsets early: nothing but the checksum tells.
        topic.disk.rot(path, at: 7, bit: 1)
        #expect(try fault()?.position == byteCount)
        topic.disk.rot(path, at: 7, bit: 1)
        // Far behind all others.
        topic.disk.rot(path, at: 1, bit: 0)
        #expect(try fault()?.position == 0)
        topic.disk.rot(path, at: 0, bit: 7)
        #expect(try fault()?.position == 0)
    }

    @Test func `gaps are for compacted segments only`() throws {
        var topic = try Self.cleaned()
        topic.compacted = CompactedSegments()
        try topic.compacted.write(to: topic.files)
        #expect(throws: CompactionFailure.self) { try ScannedLog(topic.files) }
    }

    @Test func `a whole batch that went missing from a compacted segment is found`() throws {
        let topic = try Self.cleaned()
        let file = try topic.disk.open(topic.files.path(.zero, .log), .readWrite)
        defer { file.close() }
        let last = try #require(try ScannedLog(topic.files).batches.last { $0.base < 24 })
        #expect(last.last == 23)
        var bytes = [UInt8](repeating: 0, count: Int(topic.segments[0].byteCount))
        _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        let first = try bytes.withUnsafeBytes { try RecordBatchView($0).byteCount }
        #expect(first < bytes.count)
        try file.truncate(to: Int64(first))
        #expect(throws: CompactionFailure.self) { try ScannedLog(topic.files) }
    }

    @Test func `a flip in what is cleaned stops the cleaning and changes nothing`() throws {
        var topic = try CompactedTopic()
        for value in 0..<6 { try topic.append([("k\(value % 3)", "\(value)")]) }
        try topic.roll()
        try topic.append([("k0", "new")])
        let path = topic.files.path(.zero, .log)
        let names = try topic.disk.list(CompactedTopic.directory)
        for position in 0..<Int(topic.segments[0].byteCount) {
            topic.disk.rot(path, at: position, bit: position % 8)
            #expect(throws: LogStorageError.self, "byte \(position)") { try topic.clean() }
            topic.disk.rot(path, at: position, bit: position % 8)
            #expect(try topic.disk.list(CompactedTopic.directory) == names)
        }
        #expect(try topic.clean() != nil)
    }
}
