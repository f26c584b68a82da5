import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime

/// `dsl/…`: what the operators make of their inputs, on the real engine and log, one partition a
/// topic, every step processed and committed before the next.
struct DSLRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        guard case .string(let id) = file.firstLine?["topology"] else { return false }
        return DSLTopologies(id: id).statements != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        let lines = try file.lines()
        guard let first = lines.first else { return report }
        let form = try Form(first)
        for line in lines.dropFirst() {
            let number = try line.member("case").integer(Int.self)
            report.note("case \(number)", try DSLCase(form: form, line: line).difference())
        }
        return report
    }

    /// The first line of a file: topics, types and stores.
    struct Form {
        let id: String
        let inputs: [String: (key: String, value: String)]
        let outputs: [String: (key: String, value: String)]
        let stores: [String]

        init(_ line: JSON) throws {
            id = try line.member("topology").string()
            inputs = try Self.types(line.member("inputs"))
            outputs = try Self.types(line.member("outputs"))
            guard case .object(let stores) = try line.member("stores") else {
                throw GoldenError.unexpectedValue("stores")
            }
            self.stores = stores.keys.sorted()
        }

        private static func types(_ json: JSON) throws -> [String: (key: String, value: String)] {
            guard case .object(let members) = json else {
                throw GoldenError.unexpectedValue("topics")
            }
            return try members.mapValues { pair in
                let types = try pair.array()
                return (try types[0].string(), try types[1].string())
            }
        }
    }
}

/// One case of a DSL file: its steps on a fresh engine, then the comparison.
private struct DSLCase {
    let form: DSLRunner.Form
    let line: JSON

    /// What differs first; nil if outputs, drops and stores are those of the vector.
    func difference() throws -> String? {
        var configuration = StreamsConfiguration()
        configuration.onDecodeError = form.id.contains("continue") ? .skip : .stop
        let id = form.id
        let driver = try TopologyDriver(
            inputs: form.inputs.keys.sorted().map { ($0, 1) },
            configuration: configuration,
            seed: 1
        ) { try Topology(of: DSLTopologies(id: id)) }
        var outputs: [String: [String]] = [:]
        var drops: [Int64] = []
        for (index, step) in try line.member("steps").array().enumerated() {
            let before = driver.counters
            try take(step, driver)
            try driver.runUntilIdle()
            let after = driver.counters
            let count =
                after.recordsDropped + after.recordsSkipped
                - before.recordsDropped - before.recordsSkipped
            drops += Array(repeating: Int64(index), count: Int(count))
            for topic in form.outputs.keys.sorted() {
                for record in try driver.read(topic) {
                    outputs[topic, default: []].append(Self.text(of: record, after: index))
                }
            }
        }
        return try outputDifference(outputs) ?? dropDifference(drops) ?? storeDifference(driver)
    }

    private func take(_ step: JSON, _ driver: TopologyDriver) throws {
        if let wall = step["wall"] {
            return try driver.advance(milliseconds: try wall.integer(Int64.self))
        }
        let topic = try step.member("in").string()
        guard let types = form.inputs[topic] else { throw GoldenError.missingMember(topic) }
        let value =
            try step["raw"].map { try $0.hex() } ?? Self.bytes(of: step["v"], type: types.value)
        let headers = try step["h"].map { try $0.array() } ?? []
        try driver.send(
            topic: topic,
            key: try Self.bytes(of: step["k"], type: types.key),
            value: value,
            timestamp: Timestamp(try step.member("t").integer(Int64.self)),
            headers: try headers.map { header in
                let pair = try header.array()
                return (try pair[0].string(), Array(try pair[1].string().utf8))
            }
        )
    }

    // MARK: Comparing

    private func outputDifference(_ actual: [String: [String]]) throws -> String? {
        var expected: [String: [String]] = [:]
        for out in try line.member("out").array() {
            let topic = try out.member("topic").string()
            guard let types = form.outputs[topic] else { throw GoldenError.missingMember(topic) }
            let headers = try out["h"].map { try $0.array() } ?? []
            let record = TestRecord(
                key: try Self.bytes(of: out["k"], type: types.key),
                value: try Self.bytes(of: out["v"], type: types.value),
                timestamp: Timestamp(try out.member("t").integer(Int64.self)),
                headers: try headers.map { header in
                    let pair = try header.array()
                    return (try pair[0].string(), Array(try pair[1].string().utf8))
                },
                partition: PartitionIndex(0),
                offset: .zero
            )
            expected[topic, default: []].append(
                Self.text(of: record, after: try out.member("after").integer(Int.self))
            )
        }
        for topic in form.outputs.keys.sorted() {
            let (left, right) = (expected[topic] ?? [], actual[topic] ?? [])
            for (index, pair) in zip(left, right).enumerated() where pair.0 != pair.1 {
                return "\(topic) record \(index): \(pair.1), expected \(pair.0)"
            }
            if left.count != right.count {
                return "\(topic): \(right.count) records, expected \(left.count)"
            }
        }
        return nil
    }

    private func dropDifference(_ actual: [Int64]) throws -> String? {
        let expected = try line.member("dropped_at").array().map { try $0.integer(Int64.self) }
        return actual == expected ? nil : "dropped at \(actual), expected \(expected)"
    }

    private func storeDifference(_ driver: TopologyDriver) throws -> String? {
        guard let type = form.outputs.values.first?.value else { return nil }
        for store in form.stores {
            let expected = try line.member("stores").member(store).array().map { row in
                let columns = try row.array()
                return [
                    Self.text(of: try Self.bytes(of: columns[0], type: "S")),
                    Self.text(of: try Self.bytes(of: columns[1], type: type)),
                    "\(try columns[2].integer(Int64.self))",
                ]
            }
            let actual = try driver.contents(ofStore: store).map {
                [Self.text(of: $0.key), Self.text(of: $0.value), "\($0.timestamp.rawValue)"]
            }
            guard actual == expected else {
                return "store \(store): \(actual), expected \(expected)"
            }
        }
        return nil
    }

    /// The bytes of a JSON value: `S` is UTF-8, `L` an int64 big-endian, `X` hex.
    private static func bytes(of value: JSON?, type: String) throws -> [UInt8]? {
        guard let value, value != .null else { return nil }
        switch type {
        case "S": return Array(try value.string().utf8)
        case "L": return withUnsafeBytes(of: try value.integer(Int64.self).bigEndian) { Array($0) }
        case "X": return try value.hex()
        default: throw GoldenError.unexpectedValue("the type \(type)")
        }
    }

    private static func text(of record: TestRecord, after step: Int) -> String {
        let headers = record.headers.map { "\($0.name)=\(text(of: $0.value))" }
        return "after \(step): \(text(of: record.key)) \(text(of: record.value)) at "
            + "\(record.timestamp.rawValue) \(headers)"
    }

    private static func text(of bytes: [UInt8]?) -> String {
        guard let bytes else { return "null" }
        return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
