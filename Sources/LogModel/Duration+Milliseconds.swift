extension Duration {
    /// Whole milliseconds, as Kafka counts time: rounded to zero, within what 64 bits can tell.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (milliseconds, overflows) = seconds.multipliedReportingOverflow(by: 1_000)
        guard !overflows else { return seconds < 0 ? .min : .max }
        return milliseconds.addingSaturated(attoseconds / 1_000_000_000_000_000)
    }
}
