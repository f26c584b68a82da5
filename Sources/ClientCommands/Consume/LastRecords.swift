import LogModel

/// Where the last records of a partition begin, as those that read it count them; pure.
///
/// Ends of transactions, what was aborted and what compaction took have offsets and no record. So
/// the records are counted in spans that go back from the end, each as long as all before it
/// together, until there are enough of them or no more.
struct LastRecords: Equatable {
    /// The second span is no shorter: it is read in one go.
    private static let leastLength: Int64 = 64

    private let wanted: Int64
    private let logStart: Offset
    private let end: Offset
    /// The records behind it are counted.
    private(set) var begin: Offset
    private var found: Int64 = 0
    /// What lies from here up to `begin` cannot be counted, or not all of it.
    private var uncountable: Offset?

    /// - Parameter wanted: how many records, one at least.
    init(_ wanted: Int64, from logStart: Offset, to end: Offset) {
        precondition(wanted > 0, "no record has no place")
        self.wanted = wanted
        self.logStart = logStart
        self.end = max(logStart, end)
        begin = self.end
    }

    /// The offsets of which the records are to be counted next; nil where it is known where to
    /// begin.
    var span: Range<Offset>? {
        guard !isEnough, begin > logStart else { return nil }
        if let uncountable {
            let length = uncountable.distance(to: begin) / 2
            return length > 0 ? Offset(begin.rawValue - length)..<begin : nil
        }
        let counted = begin.distance(to: end)
        let length = counted == 0 ? wanted : max(counted, Self.leastLength)
        return Offset(begin.rawValue - min(length, logStart.distance(to: begin)))..<begin
    }

    /// Takes how many records the span has.
    mutating func note(_ count: Int64) {
        guard let span else { return }
        begin = span.lowerBound
        found += count
    }

    /// Takes that the span cannot be counted: how near to it one comes is found by halving.
    mutating func noteUncountable() {
        uncountable = span?.lowerBound ?? uncountable
    }

    var isEnough: Bool { found >= wanted }

    /// How many records there are from `begin` on in front of the last ones.
    var excess: Int64 { max(0, found - wanted) }
}
