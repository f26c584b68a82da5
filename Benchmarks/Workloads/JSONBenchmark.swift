import LogModel
import Streams

/// What the JSON benchmark reads and writes through `Codable`: five members, about 90 bytes.
struct Measurement: Codable, Equatable, Sendable {
    var sequence: Int64
    var sensor: String
    var celsius: Double
    var room: String
    var isValid: Bool
}

extension Measurement {
    /// The n-th of a run: every member follows from n.
    init(number n: Int64) {
        self.init(
            sequence: n,
            sensor: "boiler-\(n % 100)",
            celsius: Double(n % 4_000) / 100,
            room: "building \(n % 7), floor \(n % 5)",
            isValid: n % 3 != 0
        )
    }

    /// The mapping of the benchmark.
    var inFahrenheit: Measurement {
        var result = self
        result.celsius = celsius * 1.8 + 32
        return result
    }
}

/// The same, read and written by itself.
struct RecordedMeasurement: JSONRecord, Equatable {
    var measurement: Measurement

    init(_ measurement: Measurement) { self.measurement = measurement }

    init(json: inout JSONObject) throws {
        measurement = Measurement(
            sequence: try json.int64("sequence"),
            sensor: try json.string("sensor"),
            celsius: try json.double("celsius"),
            room: try json.string("room"),
            isValid: try json.bool("isValid")
        )
    }

    func write(to json: inout JSONWriter) {
        json.member("sequence", measurement.sequence)
        json.member("sensor", measurement.sensor)
        json.member("celsius", measurement.celsius)
        json.member("room", measurement.room)
        json.member("isValid", measurement.isValid)
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

/// The same without `Codable`.
struct JSONRecordBenchmarkJob: StreamJob {
    static let name = "bench-json-record"
    static let input = Topic("measurements", key: .utf8, value: .json(RecordedMeasurement.self))
    static let output = Topic("fahrenheit", key: .utf8, value: .json(RecordedMeasurement.self))

    var topology: [Statement] {
        stream(Self.input)
            .mapValues { recorded -> RecordedMeasurement in
                RecordedMeasurement(recorded.measurement.inFahrenheit)
            }
            .to(Self.output)
    }
}

extension Benchmark {
    static func json(
        _ rig: BenchmarkRig,
        records: Int64,
        byRecord: Bool
    ) throws -> BenchmarkResult {
        guard byRecord else {
            let input = JSONBenchmarkJob.input
            return try json(rig, records: records, JSONBenchmarkJob(), input) {
                $0
            } sequence: {
                $0.sequence
            }
        }
        let input = JSONRecordBenchmarkJob.input
        var result = try json(rig, records: records, JSONRecordBenchmarkJob(), input) {
            RecordedMeasurement($0)
        } sequence: {
            $0.measurement.sequence
        }
        result.bench += " --record"
        return result
    }

    private static func json<Job: StreamJob, KeySerde, ValueSerde>(
        _ rig: BenchmarkRig,
        records: Int64,
        _ job: Job,
        _ input: Topic<KeySerde, ValueSerde>,
        value make: (Measurement) -> ValueSerde.Value,
        sequence: (ValueSerde.Value) -> Int64
    ) throws -> BenchmarkResult where ValueSerde.Value: Equatable {
        let serde = input.value
        try rig.fill(input.name, records: 0..<records) { number, key, value in
            key.append(utf8: "k\(number % 1_000)")
            try serde.encode(make(Measurement(number: number)), into: &value)
        }
        var result = try rig.measure(job, .json, records: records)
        result.verified = try verify(rig, "fahrenheit", records: records) { record in
            guard let value = record.value else { return nil }
            let measurement = try serde.decode(value)
            let number = sequence(measurement)
            return measurement == make(Measurement(number: number).inFahrenheit) ? number : nil
        }
        return result
    }
}
