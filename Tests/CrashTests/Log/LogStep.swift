/// What is done to a directory with one topic of several partitions, step by step. Where a step
/// names no partition it is for all of them.
enum LogStep: Sendable {
    case plain(records: Int, in: Int)
    case idempotent(producer: Int64, records: Int, in: Int)
    case transactional(producer: Int64, records: Int, in: Int)
    case end(producer: Int64, commit: Bool, in: Int)
    /// The last batch of a producer once more, as after a lost answer.
    case retry(producer: Int64, in: Int)
    /// A batch that is too large for the journal.
    case bulk(in: Int)
    /// One group with what these partitions have.
    case flush([Int])
    /// A record elsewhere that counts on all that was appended; only it is asked for.
    case decide
    case deleteRecords(in: Int)
    case writeBack
    /// Closed in order and opened again.
    case reopen
    /// The process dies, the machine does not.
    case kill
    /// The journal's flush fails: the directory acknowledges no more.
    case failingJournal
    /// The flush of a segment fails: its partition acknowledges no more.
    case failingSegment(in: Int)
    /// The topic is deleted and made anew under its name.
    case recreate
}
