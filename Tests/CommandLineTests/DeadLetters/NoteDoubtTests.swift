import LogModel
import Streams
import Testing

@testable import ClientCommands

/// Which dead letters may have been dealt with although no note that counts says so.
@Suite struct NoteDoubtTests {
    private static let minute: Int64 = 60_000

    /// Whether letters that arrived at these minutes are doubted.
    private func doubted(_ doubt: NoteDoubt, _ minutes: [Int64]) throws -> [Bool] {
        var batch = LetterBatch()
        for minute in minutes {
            batch.add([
                (DeadLetterHeader.reason, "refused"),
                (DeadLetterHeader.lastFailedAt, "\(minute * Self.minute)"),
            ])
        }
        var found: [Bool] = []
        try batch.forEachLetter { found.append(doubt.mayBeAbout($0)) }
        return found
    }

    @Test func `notes that count leave no doubt`() throws {
        var doubt = NoteDoubt()
        doubt.noteThatCounts(at: Timestamp(100 * Self.minute))
        #expect(doubt.isNone)
        #expect(try doubted(doubt, [1, 100, 200]) == [false, false, false])
    }

    @Test func `a note of another topic may be about what was there before it`() throws {
        var doubt = NoteDoubt()
        for minute in [100, 90] as [Int64] {
            doubt.noteOfAnother(at: Timestamp(minute * Self.minute))
        }
        #expect(doubt.otherCount == 2)
        // Clocks may differ by some minutes; a topic made anew has its letters later.
        #expect(try doubted(doubt, [1, 100, 104, 106]) == [true, true, true, false])
    }

    @Test func `notes that are gone lay in front of those that are left`() throws {
        var doubt = NoteDoubt()
        doubt.note(goneBefore: Offset(3))
        #expect(try doubted(doubt, [1, 1_000_000]) == [true, true])
        for minute in [100, 300] as [Int64] {
            doubt.noteThatCounts(at: Timestamp(minute * Self.minute))
        }
        #expect(try doubted(doubt, [99, 106]) == [true, false])
    }

    @Test func `times at the end of time are no trouble`() throws {
        var doubt = NoteDoubt()
        doubt.noteOfAnother(at: Timestamp(.max))
        #expect(try doubted(doubt, [1]) == [true])
        doubt = NoteDoubt()
        doubt.noteOfAnother(at: Timestamp(.min))
        #expect(try doubted(doubt, [1]) == [false])
    }

    @Test(arguments: [
        (["retention.ms": "1"], "retention.ms is 1"),
        (["cleanup.policy": "compact"], "cleanup.policy is compact"),
        (["retention.bytes": "5", "retention.ms": "7"], "retention.bytes is 5, retention.ms is 7"),
    ])
    func `options that forget are told`(changes: [String: String], words: String) {
        let kept = NoteKeeping.options
        #expect(NoteKeeping(kept) == nil)
        #expect(NoteKeeping(kept.merging(["cleanup.policy": ""]) { $1 }) == nil)
        // Nothing is known of them.
        #expect(NoteKeeping([:]) == nil)
        #expect(NoteKeeping(kept.merging(changes) { $1 })?.found == words)
    }
}
