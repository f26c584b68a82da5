/// How long to wait between attempts at the same thing, and when to give up.
struct RetrySchedule {
    private var pause = Duration.milliseconds(50)
    private var waited = Duration.zero
    private let limit: Duration
    private static let longestPause = Duration.seconds(1)

    /// Gives up once `limit` was waited through.
    init(limit: Duration) { self.limit = limit }

    /// The pause before the next attempt, nil where there is none. `spent` is what the attempt
    /// itself took: a server that lets everybody wait is not asked for ever.
    mutating func next(spent: Duration) -> Duration? {
        waited += spent
        guard waited < limit else { return nil }
        let now = min(pause, limit - waited)
        waited += now
        pause = min(pause * 2, Self.longestPause)
        return now
    }
}
