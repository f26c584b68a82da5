import Foundation
import Terminal

/// What is told of a build that takes long where its own output is not shown: that it goes on, and
/// how far it is, not more than a line each ten seconds. Times come from outside.
struct BuildProgress {
    /// Between two lines, and in front of the first.
    static let interval = Duration.seconds(10)

    /// What the package manager does, such as `the job is being built`.
    private let work: String
    private let start: ContinuousClock.Instant
    private var last: ContinuousClock.Instant
    /// How far the compiler is: `12/345`.
    private var step: String?
    /// The package manager waits for another of its kind, and has done nothing since.
    private var isWaiting = false

    init(of work: String, from start: ContinuousClock.Instant) {
        self.work = work
        self.start = start
        last = start
    }

    /// Takes what the package manager printed.
    mutating func note(_ output: Data) {
        let text = String(decoding: output, as: UTF8.self)
        guard let found = text.matches(of: #/\[([0-9]+)/([0-9]+)\] /#).last else {
            isWaiting = isWaiting || BuildWait(output) != nil
            return
        }
        isWaiting = false
        step = "step \(found.1) of \(found.2)"
    }

    /// When the next line is due.
    var deadline: ContinuousClock.Instant { last + Self.interval }

    /// The line that is due at `now`; nil where none is.
    mutating func line(at now: ContinuousClock.Instant) -> String? {
        guard now >= deadline else { return nil }
        last = now
        let seconds = (now - start).components.seconds
        if isWaiting { return "note: \(work): it still waits, \(seconds) s so far\n" }
        return "note: \(work), \(seconds) s so far"
            + (step.map { " (\($0))" } ?? "") + "\n"
    }
}
