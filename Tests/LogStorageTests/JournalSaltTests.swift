import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// What a client writes is no group of the journal, whatever it looks like.
@Suite struct JournalSaltTests {
    /// A group as one of a client's records, made for the place where it comes to lie.
    private func forging(salt: UInt64) throws -> (group: [UInt8], inner: Int) {
        let first = JournalFileHeader.byteCount
        func group(_ payload: [UInt8], _ sequence: UInt64, _ at: Int, _ salt: UInt64) -> [UInt8] {
            let range = JournalRange(
                segment: .zero,
                position: 0,
                byteCount: payload.count,
                isInRecord: true
            )
            let entry = JournalEntry(
                partition: JournalFormatTests.key(1),
                logStart: .zero,
                end: Offset(1),
                ranges: [range]
            )
            return JournalRecord.encode(
                sequence: sequence,
                position: Int64(at),
                salt: salt,
                entries: [entry],
                payload: [payload]
            )
        }
        var payload = [UInt8](repeating: 0xAB, count: 2000)
        let begin = first + (try #require(group(payload, 1, first, 0).firstIndex(of: 0xAB)))
        let inner = JournalRecord.padded(begin + 500)
        let forged = group([1, 2, 3], 2, inner, salt)
        payload.replaceSubrange(inner - begin..<inner - begin + forged.count, with: forged)
        return (group(payload, 1, first, JournalFormatTests.salt), inner)
    }

    @Test func `bytes of a record made to look like a later group are none`() throws {
        let (group, inner) = try forging(salt: JournalFormatTests.salt ^ 1)
        let whole = JournalFormatTests.file([group])
        #expect(try JournalFormatTests.scan(whole).groups.map(\.sequence) == [1])
        // Torn on both sides of what is made up.
        for at in [JournalFileHeader.byteCount + 8, inner - 100, inner + 300] {
            var torn = whole
            torn[at] ^= 1
            let scan = try JournalFormatTests.scan(torn)
            #expect(scan.groups.isEmpty && scan.gaps.isEmpty && scan.next == 1, "byte \(at)")
            // Nor do they stand for the header.
            #expect(torn.withUnsafeBytes { JournalFileScan.header(in: $0) } == nil, "byte \(at)")
        }
        // The salt is all that tells them apart.
        var torn = JournalFormatTests.file([try forging(salt: JournalFormatTests.salt).group])
        torn[inner - 100] ^= 1
        #expect(try JournalFormatTests.scan(torn).groups.map(\.sequence) == [2])
    }

    @Test func `each use of a file has a salt of its own`() throws {
        let log = try TestLog()
        var salts: Set<UInt64> = []
        for number in 0..<3 {
            let again = number == 0 ? log : try TestLog(opening: log.disk)
            try again.append(["\(number)"])
            try again.flush()
            let bytes = try log.simulated.content("\(TestLog.journalFolder)/1.journal")
            let header = try #require(bytes.withUnsafeBytes { JournalFileHeader($0) })
            salts.insert(try #require(header.salt))
            try again.close()
        }
        #expect(salts.count == 3)
    }
}
