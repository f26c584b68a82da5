import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// Looking up times by an index that says what is not so.
@Suite struct TimeIndexTests {
    @Test func `a time index of a closed segment is held against the batch that it names`() throws {
        let log = try TestLog(["segment.bytes": "4096", "index.interval.bytes": "128"])
        for number in 0..<100 as Range<Int64> {
            try log.append([String(repeating: "v", count: 40)], at: 1_000_000 + number * 1000)
        }
        try log.flush()
        try log.close()
        let disk = try log.simulated.copy()
        let path = "\(TestLog.directory)/00000000000000000000.timeindex"
        var bytes = try disk.content(path)
        let entryCount = bytes.count / 12
        try #require(entryCount > 6)
        // An entry in the middle tells an earlier time, behind that of the entry before it.
        let middle = entryCount / 2
        let before = Self.time(in: bytes, at: middle - 1)
        let honest = Self.time(in: bytes, at: middle)
        Self.put(before + 1, in: &bytes, at: middle)
        try disk.remove(path)
        try disk.append(bytes, to: path)
        let again = try TestLog(opening: disk)
        for time in stride(from: before - 2000, through: honest + 2000, by: 500) {
            let found = try again.log.offset(
                forTimestamp: Timestamp(time),
                isolation: .readUncommitted
            )
            #expect(found == Offset((time - 1_000_000 + 999) / 1000), "time \(time)")
        }
    }

    private static func time(in bytes: [UInt8], at entry: Int) -> Int64 {
        bytes[(entry * 12)..<(entry * 12 + 8)].reduce(0) { $0 << 8 | Int64($1) }
    }

    private static func put(_ time: Int64, in bytes: inout [UInt8], at entry: Int) {
        withUnsafeBytes(of: time.bigEndian) {
            bytes.replaceSubrange((entry * 12)..<(entry * 12 + 8), with: $0)
        }
    }
}
