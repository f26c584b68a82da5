/// Writes metrics as text that Prometheus reads: its own format, or OpenMetrics.
///
///     # HELP records_total Records that came in.
///     # TYPE records_total counter
///     records_total{topic="orders"} 3
package struct MetricsText: Sendable {
    package enum Format: Sendable {
        case prometheus
        case openMetrics

        /// What a client wants that sends this `Accept`.
        package init(accept: String) {
            self = accept.contains("application/openmetrics-text") ? .openMetrics : .prometheus
        }

        package var contentType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    package enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    /// What a number counts; the name of its metric ends in it.
    package enum Unit: String, Sendable {
        case seconds
        case bytes
    }

    package typealias Labels = [(name: String, value: String)]

    package let format: Format
    private var bytes: [UInt8] = []
    /// The metric whose samples are being written.
    private var name = ""
    private var kind = Kind.gauge

    package init(_ format: Format) {
        self.format = format
        bytes.reserveCapacity(64 << 10)
    }

    // MARK: Metrics

    /// Begins a metric: its samples follow. The name has no `_total`; it ends in the unit if there
    /// is one. The help has neither line breaks nor backslashes.
    package mutating func begin(_ name: String, _ kind: Kind, unit: Unit? = nil, help: String) {
        precondition(unit.map { name.hasSuffix("_\($0.rawValue)") } ?? true, "a name without unit")
        self.name = name
        self.kind = kind
        let shown = format == .prometheus && kind == .counter ? "\(name)_total" : name
        put("# HELP \(shown) \(help)\n# TYPE \(shown) \(kind.rawValue)\n")
        if let unit, format == .openMetrics { put("# UNIT \(shown) \(unit.rawValue)\n") }
    }

    /// A sample of the counter or gauge that was begun.
    package mutating func sample(_ value: some BinaryInteger, _ labels: Labels = []) {
        head(kind == .counter ? "_total" : "", labels)
        put(" \(value)\n")
    }

    /// The same of a value with a fraction.
    package mutating func sample(_ value: Double, _ labels: Labels = []) {
        head(kind == .counter ? "_total" : "", labels)
        put(" \(Self.spelled(value))\n")
    }

    /// The samples of the histogram that was begun.
    package mutating func sample(_ counts: HistogramCounts, _ labels: Labels = []) {
        var total: UInt64 = 0
        for (index, count) in counts.counts.enumerated() {
            total &+= count
            let bound = index < counts.bounds.count ? Self.spelled(counts.bounds[index]) : "+Inf"
            head("_bucket", labels + [("le", bound)])
            put(" \(total)\n")
        }
        head("_sum", labels)
        put(" \(Self.spelled(counts.sum))\n")
        head("_count", labels)
        put(" \(total)\n")
    }

    /// A metric with one sample.
    package mutating func add(
        _ name: String,
        _ kind: Kind,
        _ value: some BinaryInteger,
        unit: Unit? = nil,
        help: String
    ) {
        begin(name, kind, unit: unit, help: help)
        sample(value)
    }

    /// The same of a value with a fraction.
    package mutating func add(
        _ name: String,
        _ kind: Kind,
        _ value: Double,
        unit: Unit? = nil,
        help: String
    ) {
        begin(name, kind, unit: unit, help: help)
        sample(value)
    }

    /// All of it, as it is sent.
    package consuming func finish() -> [UInt8] {
        if format == .openMetrics { put("# EOF\n") }
        return bytes
    }

    // MARK: Writing

    private mutating func head(_ suffix: String, _ labels: Labels) {
        put(name)
        put(suffix)
        guard !labels.isEmpty else { return }
        put("{")
        for (index, label) in labels.enumerated() {
            if index > 0 { put(",") }
            put(label.name)
            put("=\"")
            putEscaped(label.value)
            put("\"")
        }
        put("}")
    }

    private mutating func put(_ text: String) { bytes += text.utf8 }

    private mutating func putEscaped(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "\""): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            default: bytes.append(byte)
            }
        }
    }

    private static func spelled(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return "\(value)"
    }
}
