import LogModel

extension Timestamp {
    /// The time this many milliseconds later; the last one there is where that is out of range,
    /// because times come from records too.
    func advanced(byMilliseconds count: Int64) -> Timestamp {
        let (sum, isOutOfRange) = rawValue.addingReportingOverflow(count)
        guard isOutOfRange else { return Timestamp(sum) }
        return Timestamp(count < 0 ? .min : .max)
    }
}
