import Synchronization
import Threads

/// A number that only grows. Any thread may add to it.
package final class Counter: Sendable {
    private let value = Atomic<UInt64>(0)

    package init() {}

    package func add(_ amount: UInt64 = 1) { value.wrappingAdd(amount, ordering: .relaxed) }
    package var current: UInt64 { value.load(ordering: .relaxed) }
}

/// How often values fell below each of some bounds.
package struct HistogramCounts: Equatable, Sendable {
    /// Ascending upper bounds; one more bucket holds what lies above the last.
    package let bounds: [Double]
    package private(set) var counts: [UInt64]
    package private(set) var sum = 0.0

    package init(bounds: [Double]) {
        precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// For what takes from a tenth of a millisecond to a minute.
    package static let latencies = HistogramCounts(bounds: [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
        10, 60,
    ])

    package var count: UInt64 { counts.reduce(0, &+) }

    package mutating func observe(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] &+= 1
        sum += value
    }

    /// Observes the seconds between two looks at a clock.
    package mutating func observe(nanosecondsSince begin: UInt64, at end: UInt64) {
        observe(Double(end &- min(begin, end)) / 1e9)
    }

    /// Adds what another thread counted within the same bounds.
    package mutating func add(_ other: HistogramCounts) {
        precondition(bounds == other.bounds, "counts within other bounds cannot be added")
        for (index, count) in other.counts.enumerated() { counts[index] &+= count }
        sum += other.sum
    }
}

/// The same for several threads: any may observe.
package final class Histogram: Sendable {
    private let state: Lock<HistogramCounts>

    package init(_ empty: HistogramCounts) { state = Lock(empty) }

    package func observe(_ value: Double) { state.withLock { $0.observe(value) } }

    package func observe(nanosecondsSince begin: UInt64, at end: UInt64) {
        state.withLock { $0.observe(nanosecondsSince: begin, at: end) }
    }

    package var current: HistogramCounts { state.withLock { $0 } }
}
