import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What a verification says of the transaction index of the segment that takes the appends.
@Suite struct ActiveTransactionIndexTests {
    private static let path = "\(TestLog.directory)/00000000000000000000.txnindex"

    /// Three aborted transactions, closed in order.
    private func closed() throws -> SimulatedDisk {
        let log = try TestLog()
        let producer = TestProducer(7, isTransactional: true)
        for number in 0..<3 {
            try log.append(["of \(number)"], from: producer)
            try log.end(producer, .abort)
        }
        try log.flush()
        try log.close()
        return try log.simulated.copy()
    }

    private func findings(
        _ change: (inout [UInt8]) -> Void
    ) throws -> [VerificationReport.Finding] {
        let disk = try closed()
        var bytes = try disk.content(Self.path)
        #expect(bytes.count == 3 * AbortedEntry.byteCount)
        change(&bytes)
        try disk.remove(Self.path)
        try disk.append(bytes, to: Self.path)
        return try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
    }

    @Test func `one that is gone is written again, though nothing is appended`() throws {
        let disk = try closed()
        try disk.remove(Self.path)
        let again = try TestLog(opening: disk)
        #expect(try again.recovery != nil)
        try again.close()
        let left = try again.simulated
        #expect(try left.content(Self.path).count == 3 * AbortedEntry.byteCount)
        #expect(try LogVerifier.verify(disk: left, directory: TestLog.root).findings.isEmpty)
    }

    @Test func `as it was written it is whole`() throws {
        #expect(try findings { _ in }.isEmpty)
    }

    @Test(arguments: [0, 33, 34, 60, 101])
    func `entries that are missing are damage`(byteCount: Int) throws {
        let found = try findings { $0.removeLast($0.count - byteCount) }
        #expect(found.map(\.severity) == [.damage])
        #expect(found.map(\.file) == [Self.path])
        #expect(found.first?.position == Int64(byteCount))
    }

    /// Of the second entry: its version, its producer, where it begins and ends, and the last
    /// stable offset.
    @Test(arguments: [1, 9, 17, 25, 33])
    func `an entry that the log speaks against is damage`(byte: Int) throws {
        let found = try findings { $0[AbortedEntry.byteCount + byte] ^= 0x40 }
        #expect(found.map(\.severity) == [.damage], "\(found)")
        #expect(found.map(\.file) == [Self.path])
    }

    @Test func `what lies behind its entries is a note where it is none`() throws {
        let found = try findings { $0 += [1, 2, 3] }
        #expect(found.map(\.severity) == [.note])
        #expect(found.first?.position == Int64(3 * AbortedEntry.byteCount))
    }

    /// The entries of a write-back reach behind what the checkpoint before it knows.
    @Test func `after a kill nothing is said of it`() throws {
        let log = try TestLog()
        let producer = TestProducer(7, isTransactional: true)
        for number in 0..<4 {
            try log.append(["of \(number)"], from: producer)
            try log.end(producer, .abort)
            try log.flush()
            if number != 2 { try log.data.writeBack(all: true) }
            let disk = try log.simulated.copy()
            let found = try LogVerifier.verify(disk: disk, directory: TestLog.root).findings
            #expect(!found.contains { $0.file.hasSuffix("txnindex") }, "\(found)")
        }
    }
}
