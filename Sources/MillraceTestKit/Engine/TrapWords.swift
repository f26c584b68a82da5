import CTrapPlace
import Glibc

/// What a test says when the job's code traps, which ends the process of all tests: at which record
/// that was. The code's own words come before it, a backtrace after.
enum TrapWords {
    /// Has it said from now on.
    static func install() { installed }

    private static let installed: Void = {
        let record = form("while it processed a record", "topic %t, partition %p, offset %o")
        let words = UnsafeMutablePointer<millrace_trap_words>.allocate(capacity: 1)
        words.initialize(
            to: millrace_trap_words(
                record: record,
                internal_record: record,
                timer: form("in a timer", "partition %p, behind topic %t, offset %o"),
                call: form(
                    "in a call of mapAsync",
                    "of a record up to topic %t, partition %p, offset %o"
                ),
                // A test's own code traps there, and says so itself.
                elsewhere: nil
            )
        )
        millrace_tell_traps(words)
    }()

    private static func form(_ what: String, _ place: String) -> UnsafePointer<CChar>? {
        let text = """
            error: the job '%j' trapped (%s) in a test, \(what)
              where: \(place)
              why: its code broke off; no error policy sees that, and it ends the tests' process
              next: mend the code, or have it throw where a record may be wrong

            """
        return strdup(text).map { UnsafePointer($0) }
    }
}
