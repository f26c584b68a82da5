import LogModel

/// The order of a log's offsets as a verification follows it. Behind a batch whose base offset is
/// wrong, or that cannot be read, it goes on with what fits: each place is told once, and what is
/// whole behind it is held against its own neighbours.
struct OffsetOrder {
    /// Where the next batch may begin beside `end`.
    private enum Doubt: Equatable {
        case none
        /// The batch before was not where it was expected, and ends here by its own offset.
        case also(Offset)
        /// The batch before could not be read.
        case anyLater
    }

    /// Behind the last batch.
    private(set) var end = Offset.zero
    private var doubt = Doubt.none

    /// Whether a batch, or a segment, may begin here.
    ///
    /// - Parameter mayGap: Offsets may be missing in front of it.
    func allows(_ base: Offset, mayGap: Bool) -> Bool {
        base == end || doubt == .also(base) || base > end && (mayGap || doubt == .anyLater)
    }

    /// A segment begins, wherever the one before has ended.
    mutating func begin(at base: Offset) {
        end = base
        doubt = .none
    }

    /// A batch was where it may be.
    mutating func take(_ batch: RecordBatchView) {
        end = batch.nextOffset
        doubt = .none
    }

    /// A batch was somewhere else. In a segment without gaps it has the place that is left for it;
    /// in one with gaps a batch in front of the one before is as likely right as that.
    mutating func refuse(_ batch: RecordBatchView, mayGap: Bool) {
        if !mayGap {
            doubt = .also(batch.nextOffset)
            end = end.advanced(by: Int64(max(0, batch.lastOffsetDelta)) + 1)
        } else if batch.baseOffset < end {
            take(batch)
        }
    }

    /// Something could not be read.
    mutating func skip() { doubt = .anyLater }
}
