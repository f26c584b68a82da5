import CTrapPlace
import DirectoryAccess
import Glibc
import Terminal

/// What a run says when the job's code traps, which no `catch` and no error policy sees: at which
/// record that was, and what to do about it. The code's own words come before, a backtrace after.
enum TrapWords {
    /// Has it said from now on. `data` is the directory that the next steps are for.
    static func install(data: String) {
        let words = UnsafeMutablePointer<millrace_trap_words>.allocate(capacity: 1)
        words.initialize(
            to: millrace_trap_words(
                record: form(record(data, isInternal: false)),
                internal_record: form(record(data, isInternal: true)),
                timer: form(timer),
                call: form(call),
                elsewhere: form(elsewhere)
            )
        )
        millrace_tell_traps(words)
    }

    /// A form as the handler reads it, for ever. On a terminal the progress may stand in its line.
    private static func form(_ lines: [String]) -> UnsafePointer<CChar>? {
        let lineStart = TextOutput.error.isTerminal ? "\r\u{1B}[2K" : ""
        return strdup(lineStart + lines.map { "\($0)\n" }.joined()).map { UnsafePointer($0) }
    }

    private static func record(_ data: String, isInternal: Bool) -> [String] {
        let data = data.replacing("%", with: "%%")
        // The topic's name is filled in when it traps. Whoever deletes adds --execute.
        let look = nextCommand("consume%a --partition %p --from %o --max 1", data: data) + "%z"
        let delete =
            nextCommand("topic delete-records%a --partition %p --before %n", data: data) + "%z"
        return [
            "error: the job '%j' trapped (%s) while it processed a record",
            "  where: topic %t, partition %p, offset %o",
            why("nothing of the record is committed"),
            "  next: \(look)",
            "    shows the record; where the code throws instead, such a record can go to the dead "
                + "letters",
            "  then: \(goOn)",
            "  or: leave the record out with a filter in front of that code"
                + (isInternal
                    ? ""
                    : "; or give it up, with what is before it there and not processed yet:"),
        ] + (isInternal ? [] : ["    \(delete)"])
    }

    private static let timer = [
        "error: the job '%j' trapped (%s) in a timer",
        "  where: partition %p, behind topic %t, offset %o",
        why(nothingSince),
        "  next: \(goOn)",
    ]

    private static let call = [
        "error: the job '%j' trapped (%s) in a call of mapAsync",
        "  where: of a record up to topic %t, partition %p, offset %o",
        why(nothingSince),
        "  next: \(goOn)",
    ]

    private static let elsewhere = [
        "error: the job trapped (%s) with no record at hand",
        "  where: in the thread that the backtrace names; others had at hand: %l",
        why("\(nothingSince); calls of mapAsync that went on elsewhere are such threads"),
        "  next: \(goOn)",
    ]

    private static func why(_ loss: String) -> String {
        "  why: its code broke off where the backtrace says; no error policy sees that, and \(loss)"
    }

    private static let nothingSince = "nothing since the last commit is committed"
    private static let goOn = "mend the code, and run the job again: it goes on at its last commit"
}
