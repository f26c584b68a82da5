/// One line on a terminal that shows how far long work is; nothing at all in a pipe.
///
///     produced  [##########··········]  52%  430,112  1.2 M/s  ETA 3.1s
package struct ProgressBar: ~Copyable {
    private let title: String
    private let output: TextOutput
    private let isShown: Bool
    private let start: ContinuousClock.Instant
    private var lastDrawn: ContinuousClock.Instant
    private var isDirty = false
    /// Redraws no more often than this: people read no faster.
    private static let interval = Duration.milliseconds(100)

    package init(_ title: String, output: TextOutput = .error) {
        self.title = title
        self.output = output
        isShown = output.isTerminal
        start = ContinuousClock.now
        lastDrawn = start
    }

    /// Shows `done` of `total`; of an unknown total only the count and the rate.
    package mutating func update(done: Int, total: Int?) {
        guard isShown else { return }
        let now = ContinuousClock.now
        guard now - lastDrawn >= Self.interval else { return }
        lastDrawn = now
        isDirty = true
        let line = Self.line(title, done: done, total: total, elapsed: now - start)
        output.write("\r\u{1B}[2K" + line)
    }

    /// Takes the line away again.
    package consuming func finish() {
        if isDirty { output.write("\r\u{1B}[2K") }
    }

    /// The line as drawn.
    package static func line(
        _ title: String,
        done: Int,
        total: Int?,
        elapsed: Duration
    ) -> String {
        let rate = elapsed.seconds > 0 ? Double(done) / elapsed.seconds : 0
        guard let total, total > 0 else {
            return "\(title)  \(grouped(done))  \(spelledRate(rate))"
        }
        let fraction = min(1, Double(done) / Double(total))
        let filled = Int(fraction * 20)
        let bar = String(repeating: "#", count: filled) + String(repeating: "·", count: 20 - filled)
        var line = "\(title)  [\(bar)]  \(Int(fraction * 100))%  \(grouped(done))"
        line += "  \(spelledRate(rate))"
        if rate > 0, done < total {
            line += "  ETA \(Duration.seconds(Double(total - done) / rate).spelled)"
        }
        return line
    }

    private static func spelledRate(_ rate: Double) -> String {
        if rate >= 1e6 { return "\(decimal(rate / 1e6, places: 1)) M/s" }
        if rate >= 1e3 { return "\(decimal(rate / 1e3, places: 1)) k/s" }
        return "\(decimal(rate, places: 0))/s"
    }
}
