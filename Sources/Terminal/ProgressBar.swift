/// One line on a terminal that shows how far long work is; nothing at all in a pipe, or on a
/// terminal that cannot take a line back. What does not fit into the terminal's width is left out.
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
        isShown = output.isTerminal && !TextOutput.isDumb
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
        let line = Self.line(
            title,
            done: done,
            total: total,
            elapsed: now - start,
            width: output.columnCount ?? 80
        )
        output.write("\r\u{1B}[2K" + line)
    }

    /// Takes the line away again.
    package consuming func finish() {
        if isDirty { output.write("\r\u{1B}[2K") }
    }

    /// The line as drawn, which leaves the last column free: some terminals wrap behind it.
    package static func line(
        _ title: String,
        done: Int,
        total: Int?,
        elapsed: Duration,
        width: Int = 80
    ) -> String {
        let forms = forms(title, done: done, total: total, elapsed: elapsed)
        let line = forms.first { $0.count < width } ?? forms.last ?? ""
        return String(line.prefix(max(width - 1, 0)))
    }

    /// The line with less and less in it.
    private static func forms(
        _ title: String,
        done: Int,
        total: Int?,
        elapsed: Duration
    ) -> [String] {
        let perSecond = elapsed.seconds > 0 ? Double(done) / elapsed.seconds : 0
        let count = grouped(done)
        let rate = spelledRate(perSecond)
        guard let total, total > 0 else {
            return ["\(title)  \(count)  \(rate)", "\(title)  \(count)", count]
        }
        let fraction = min(1, Double(done) / Double(total))
        let filled = Int(fraction * 20)
        let bar = String(repeating: "#", count: filled) + String(repeating: "·", count: 20 - filled)
        let share = "\(Int(fraction * 100))%"
        var left = ""
        if perSecond > 0, done < total {
            left = "  ETA \(Duration.seconds(Double(total - done) / perSecond).spelled)"
        }
        return [
            "\(title)  [\(bar)]  \(share)  \(count)  \(rate)\(left)",
            "\(title)  \(share)  \(count)  \(rate)\(left)", "\(title)  \(share)  \(count)\(left)",
            "\(title)  \(share)\(left)", "\(title)  \(share)", share,
        ]
    }

    private static func spelledRate(_ rate: Double) -> String {
        if rate >= 1e6 { return "\(decimal(rate / 1e6, places: 1)) M/s" }
        if rate >= 1e3 { return "\(decimal(rate / 1e3, places: 1)) k/s" }
        return "\(decimal(rate, places: 0))/s"
    }
}
