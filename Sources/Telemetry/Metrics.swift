import Synchronization
import Threads

/// A number that only grows. Any thread may add to it.
package final class Counter: Sendable {
    private let value = Atomic<UInt64>(0)

    package init() {}

    package func add(_ amount: UInt64 = 1) { value.wrappingAdd(amount, ordering: .relaxed) }
    package var current: UInt64 { value.load(ordering: .relaxed) }
}

/// A number that goes up and down. Any thread may set it.
package final class Gauge: Sendable {
    private let value = Atomic<Int64>(0)

    package init() {}

    package func set(_ newValue: Int64) { value.store(newValue, ordering: .relaxed) }
    package var current: Int64 { value.load(ordering: .relaxed) }
}

/// How often values fell below each of some bounds. Any thread may observe.
package final class Histogram: Sendable {
    private struct State {
        var counts: [UInt64]
        var sum = 0.0
    }

    /// Ascending upper bounds; one more bucket holds what lies above the last.
    package let bounds: [Double]
    private let state: Lock<State>

    package init(bounds: [Double]) {
        precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
        self.bounds = bounds
        state = Lock(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    package func observe(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    /// The observations in each bucket and their sum.
    package var current: (counts: [UInt64], sum: Double) {
        state.withLock { ($0.counts, $0.sum) }
    }
}

/// Metrics by name, rendered as Prometheus text.
package final class MetricsRegistry: Sendable {
    private enum Metric: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
    }

    private struct Entry: Sendable {
        var help: String
        var labels: [(String, String)]
        var metric: Metric
    }

    private let entries = Lock<[String: [Entry]]>([:])

    package init() {}

    package func counter(
        _ name: String,
        help: String,
        labels: KeyValuePairs<String, String> = [:]
    ) -> Counter {
        let counter = Counter()
        add(name, Entry(help: help, labels: labels.map { ($0, $1) }, metric: .counter(counter)))
        return counter
    }

    package func gauge(
        _ name: String,
        help: String,
        labels: KeyValuePairs<String, String> = [:]
    ) -> Gauge {
        let gauge = Gauge()
        add(name, Entry(help: help, labels: labels.map { ($0, $1) }, metric: .gauge(gauge)))
        return gauge
    }

    package func histogram(
        _ name: String,
        help: String,
        bounds: [Double],
        labels: KeyValuePairs<String, String> = [:]
    ) -> Histogram {
        let histogram = Histogram(bounds: bounds)
        add(name, Entry(help: help, labels: labels.map { ($0, $1) }, metric: .histogram(histogram)))
        return histogram
    }

    private func add(_ name: String, _ entry: Entry) {
        entries.withLock { $0[name, default: []].append(entry) }
    }

    /// Every metric by name, in Prometheus's text format.
    package var prometheusText: String {
        let entries = entries.withLock { $0 }
        var lines: [String] = []
        for (name, group) in entries.sorted(by: { $0.key < $1.key }) {
            guard let first = group.first else { continue }
            lines.append("# HELP \(name) \(first.help)")
            lines.append("# TYPE \(name) \(kind(of: first.metric))")
            for entry in group { lines += Self.lines(of: entry, name: name) }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private func kind(of metric: Metric) -> String {
        switch metric {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }

    private static func lines(of entry: Entry, name: String) -> [String] {
        switch entry.metric {
        case .counter(let counter): return ["\(name)\(labels(entry.labels)) \(counter.current)"]
        case .gauge(let gauge): return ["\(name)\(labels(entry.labels)) \(gauge.current)"]
        case .histogram(let histogram):
            let (counts, sum) = histogram.current
            var total: UInt64 = 0
            var lines: [String] = []
            for (index, count) in counts.enumerated() {
                total += count
                let bound = index < histogram.bounds.count ? "\(histogram.bounds[index])" : "+Inf"
                lines.append("\(name)_bucket\(labels(entry.labels + [("le", bound)])) \(total)")
            }
            lines.append("\(name)_sum\(labels(entry.labels)) \(sum)")
            lines.append("\(name)_count\(labels(entry.labels)) \(total)")
            return lines
        }
    }

    private static func labels(_ pairs: [(String, String)]) -> String {
        guard !pairs.isEmpty else { return "" }
        return "{" + pairs.map { "\($0.0)=\(jsonString($0.1))" }.joined(separator: ",") + "}"
    }
}
