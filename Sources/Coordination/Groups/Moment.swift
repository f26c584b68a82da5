/// A moment of the clock that only goes forward.
package struct Moment: Hashable, Comparable, Sendable {
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    package static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Later by what a client asked for: none if negative, never past the end of time.
    package func advanced(byMilliseconds count: Int32) -> Moment {
        let (sum, isOver) = nanoseconds.addingReportingOverflow(UInt64(max(count, 0)) * 1_000_000)
        return Moment(nanoseconds: isOver ? .max : sum)
    }
}
