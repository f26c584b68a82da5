import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// The index files of the segment that a start goes on with: no checksum covers them, and what is
/// wrong in them would be damage once the segment is closed.
@Suite struct ActiveIndexTests {
    private static let options = ["index.interval.bytes": "300", "segment.bytes": "9000"]
    private static let offsets = "\(TestLog.directory)/00000000000000000000.index"
    private static let times = "\(TestLog.directory)/00000000000000000000.timeindex"

    /// What befalls an index file while nobody owns the directory.
    enum Mishap: CaseIterable {
        case zeros
        case firstIsZero
        case lastIsZero
        case repeated
        case descending
        case behindTheEnd
        case torn
        case empty
        case shifted
        case garbage

        func applied(to bytes: [UInt8], entryByteCount size: Int) -> [UInt8] {
            let entries = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<$0 + size])
            }
            let zero = [UInt8](repeating: 0, count: size)
            switch self {
            case .zeros: return [UInt8](repeating: 0, count: bytes.count)
            case .firstIsZero: return zero + Array(bytes[size...])
            case .lastIsZero: return Array(bytes[..<(bytes.count - size)]) + zero
            case .repeated: return entries[0] + entries.joined()
            case .descending: return Array(entries.reversed().joined())
            case .behindTheEnd:
                let last = size == 8 ? [0, 0, 0, 99] : [UInt8](repeating: 0x7F, count: 8)
                return Array(bytes[..<(bytes.count - size)]) + last + [0x7F, 0xFF, 0xFF, 0xF0]
            case .torn: return Array(bytes[..<(bytes.count - 3)])
            case .empty: return []
            case .shifted:
                let half = size == 8 ? 4 : 8
                return zip(entries, entries.dropFirst()).flatMap { here, next in
                    Array(here[..<half]) + Array(next[half...])
                }
            case .garbage: return bytes.indices.map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 77) }
            }
        }
    }

    private func filled() throws -> SimulatedDisk {
        let log = try TestLog(Self.options)
        for number in 0..<40 {
            let value = "\(number) " + String(repeating: "x", count: 80)
            try log.append([value], at: 1000 + Int64(number))
        }
        try log.flush()
        try log.close()
        return try log.simulated.copy()
    }

    private func verify(_ disk: SimulatedDisk) throws -> [VerificationReport.Finding] {
        try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
    }

    /// Opens the directory, goes on until the segment is closed, and holds it against one to which
    /// nothing happened.
    private func expectMended(_ disk: SimulatedDisk, _ what: String) throws {
        let whole = try TestLog(opening: try filled())
        #expect(try whole.recovery?.damage == nil)
        let log = try TestLog(opening: disk)
        #expect(try log.recovery?.damage == nil, "\(what)")
        let known = whole.log.state.withLock { $0.active.index }
        let found = log.log.state.withLock { $0.active.index }
        #expect(known?.offsets.isEmpty == false)
        #expect(found?.offsets == known?.offsets, "\(what)")
        #expect(found?.times == known?.times, "\(what)")
        #expect(found?.largestTimestamp == known?.largestTimestamp, "\(what)")
        for number in 40..<90 {
            let value = "\(number) " + String(repeating: "x", count: 80)
            try log.append([value], at: 1000 + Int64(number))
        }
        try log.flush()
        #expect(log.log.state.withLock { $0.segments.count } > 1)
        #expect(try log.records().map(\.offset) == Array(0..<90), "\(what)")
        try log.close()
        #expect(try verify(disk).isEmpty, "\(what)")
    }

    @Test(arguments: Mishap.allCases, [offsets, times])
    func `an index that cannot be right is told, made anew, and right once it is closed`(
        mishap: Mishap,
        path: String
    ) throws {
        let disk = try filled()
        #expect(try verify(disk).isEmpty)
        let size = path == Self.offsets ? 8 : 12
        let bytes = mishap.applied(to: try disk.content(path), entryByteCount: size)
        try disk.remove(path)
        try disk.append(bytes, to: path)
        let findings = try verify(disk)
        #expect(findings.allSatisfy { $0.severity == .note }, "\(findings)")
        // Without an entry everything is read, and there is nothing wrong to tell of.
        if mishap != .empty || path == Self.times {
            #expect(findings.contains { $0.reason.contains("rebuilt at the next start") })
        }
        try expectMended(disk, "\(mishap)")
    }

    @Test(arguments: [offsets, times])
    func `an index file without its other half is told, and made anew`(path: String) throws {
        let disk = try filled()
        try disk.remove(path)
        let findings = try verify(disk)
        #expect(findings.map(\.file) == [path] && findings.first?.severity == .note)
        try expectMended(disk, path)
    }

    @Test func `index files that were never written are nothing to tell of`() throws {
        let log = try TestLog(Self.options)
        for number in 0..<40 { try log.append(["\(number) " + String(repeating: "x", count: 80)]) }
        try log.flush()
        try log.data.writeBack(all: false)
        let disk = try log.simulated.afterKill()
        #expect(try disk.kind(of: Self.offsets) == nil)
        #expect(try verify(disk).isEmpty)
    }
}
