import Telemetry
import Testing

@Suite struct MetricsTextTests {
    private func text(_ format: MetricsText.Format) -> String {
        var text = MetricsText(format)
        text.begin("records", .counter, help: "Records that came in.")
        text.sample(3, [("topic", "a")])
        text.add("free_bytes", .gauge, -2, unit: .bytes, help: "Room.")
        text.begin("took_seconds", .histogram, unit: .seconds, help: "How long.")
        var counts = HistogramCounts(bounds: [0.1, 1])
        for value in [0.05, 0.5, 0.1, 7] { counts.observe(value) }
        text.sample(counts)
        return String(decoding: text.finish(), as: UTF8.self)
    }

    @Test func `metrics are written as Prometheus reads them`() {
        #expect(
            text(.prometheus) == """
                # HELP records_total Records that came in.
                # TYPE records_total counter
                records_total{topic="a"} 3
                # HELP free_bytes Room.
                # TYPE free_bytes gauge
                free_bytes -2
                # HELP took_seconds How long.
                # TYPE took_seconds histogram
                took_seconds_bucket{le="0.1"} 2
                took_seconds_bucket{le="1.0"} 3
                took_seconds_bucket{le="+Inf"} 4
                took_seconds_sum 7.65
                took_seconds_count 4

                """
        )
    }

    @Test func `OpenMetrics has names without a suffix, units, and an end`() {
        let lines = text(.openMetrics).split(separator: "\n")
        #expect(lines.contains("# TYPE records counter"))
        #expect(lines.contains("records_total{topic=\"a\"} 3"))
        #expect(lines.contains("# UNIT free_bytes bytes"))
        #expect(lines.last == "# EOF")
    }

    @Test func `who asks for OpenMetrics gets it`() {
        let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2"
        #expect(MetricsText.Format(accept: accept) == .openMetrics)
        #expect(MetricsText.Format(accept: "text/plain") == .prometheus)
    }

    @Test(arguments: [
        "a\"b", "a\\b", "a\nb", "a\\", "\u{0}\u{1F}\r", "{}=,#", "é\u{301}", "</script><b>", "",
    ])
    func `a hostile label comes back as it was`(value: String) throws {
        var text = MetricsText(.prometheus)
        text.begin("m", .gauge, help: "M.")
        text.sample(1, [("topic", value), ("other", "x")])
        let read = try PrometheusText(String(decoding: text.finish(), as: UTF8.self))
        #expect(read["m", ["topic": value, "other": "x"]] == 1)
    }

    @Test(arguments: [
        (Double.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (1e-7, "1e-07"),
    ])
    func `a number of any kind is spelled`(value: Double, expected: String) {
        var text = MetricsText(.prometheus)
        text.add("m", .gauge, value, help: "M.")
        let lines = String(decoding: text.finish(), as: UTF8.self).split(separator: "\n")
        #expect(lines.last == "m \(expected)")
    }

    @Test func `counts of threads are added up`() {
        var (one, other) = (HistogramCounts.latencies, HistogramCounts.latencies)
        one.observe(nanosecondsSince: 1_000_000_000, at: 1_002_000_000)
        other.observe(nanosecondsSince: 5, at: 3)
        one.add(other)
        #expect(one.count == 2)
        #expect(abs(one.sum - 0.002) < 1e-9)
        #expect(one.counts.first == 1)
    }
}
