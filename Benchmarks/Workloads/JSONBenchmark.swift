import LogModel
import Streams

/// What the JSON benchmark reads and writes through `Codable`: five members, about 90 bytes.
struct Measurement: Codable, Equatable, Sendable {
    var sequence: Int64
    var sensor: String
    var celsius: Double
    var room: String
    var isValid: Bool

    /// The n-th of a run: every member follows from n.
    init(number n: Int64) {
        sequence = n
        sensor = "boiler-\(n % 100)"
        celsius = Double(n % 4_000) / 100
        room = "building \(n % 7), floor \(n % 5)"
        isValid = n % 3 != 0
    }

    /// The mapping of the benchmark.
    var inFahrenheit: Measurement {
        var result = self
        result.celsius = celsius * 1.8 + 32
        return result
    }
}

/// JSON in, a mapping, JSON out.
struct JSONBenchmarkJob: StreamJob {
    static let name = "bench-json"
    static let input = Topic("measurements", key: String.self, value: Measurement.self)
    static let output = Topic("fahrenheit", key: String.self, value: Measurement.self)

    var topology: [Statement] {
        stream(Self.input)
            .mapValues { measurement -> Measurement in measurement.inFahrenheit }
            .to(Self.output)
    }
}

extension Benchmark {
    static func json(_ rig: BenchmarkRig, records: Int64) throws -> BenchmarkResult {
        let serde = JSONBenchmarkJob.input.value
        try rig.fill(JSONBenchmarkJob.input.name, records: 0..<records) { number, key, value in
            key.append(utf8: "k\(number % 1_000)")
            try serde.encode(Measurement(number: number), into: &value)
        }
        var result = try rig.measure(JSONBenchmarkJob(), .json, records: records)
        result.verified = try verifyJSON(rig, records: records)
        return result
    }

    /// Every measurement must be there exactly once, mapped.
    private static func verifyJSON(_ rig: BenchmarkRig, records: Int64) throws -> Bool {
        let serde = JSONBenchmarkJob.output.value
        var seen = [Bool](repeating: false, count: Int(records))
        var count: Int64 = 0
        try rig.forEachRecord(of: JSONBenchmarkJob.output.name) { _, record in
            guard let value = record.value else { throw BenchmarkError("a null value came out") }
            let measurement = try serde.decode(value)
            let number = measurement.sequence
            guard number >= 0, number < records, !seen[Int(number)],
                measurement == Measurement(number: number).inFahrenheit
            else { throw BenchmarkError("measurement \(number) came out wrong or twice") }
            seen[Int(number)] = true
            count += 1
        }
        guard count == records else {
            throw BenchmarkError("\(count) measurements came out, \(records) must")
        }
        return true
    }
}
