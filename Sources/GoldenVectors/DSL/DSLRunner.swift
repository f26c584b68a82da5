import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime

/// `dsl/…`: what the operators make of their inputs, on the real engine and log, one partition a
/// topic, every step processed and committed before the next.
struct DSLRunner: GoldenRunner {
    /// So many cases of a file run a second time, with a crash in the middle of every step.
    private static let crashedCaseCount = 1
    /// In how many runs the power goes at points of the commits.
    private let commitPointRounds: Int

    init(commitPointRounds: Int = 2) {
        self.commitPointRounds = commitPointRounds
    }

    /// Where a run of a case loses its power.
    enum Crashes: Equatable {
        case none
        /// In every step before its commit, and in some after it.
        case aroundCommits
        /// In every step at a point of its commit, another one than in the step before and in the
        /// round before. A step has up to a hundred points.
        case inCommits(round: Int)
    }

    func accepts(_ file: GoldenFile) -> Bool {
        guard case .string(let id) = file.firstLine?["topology"] else { return false }
        return DSLTopologies(id: id, parameters: [:]).statements != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        let lines = try file.lines()
        guard let first = lines.first else { return report }
        let form = try Form(first)
        for line in lines.dropFirst() {
            let number = try line.member("case").integer(Int.self)
            let vector = DSLCase(form: form, line: line)
            var difference = try vector.difference(.none)
            if difference == nil, number < Self.crashedCaseCount {
                difference = try vector.difference(.aroundCommits).map { "with crashes: \($0)" }
            }
            if difference == nil, number < Self.crashedCaseCount {
                difference = try commitPointDifference(vector)
            }
            if form.isDeviation, difference == nil {
                report.noteDeviation(
                    "results on close and null-padded ones follow stream time, and none is lost"
                )
            } else {
                report.note("case \(number)", difference)
            }
        }
        return report
    }

    /// What differs where the power goes at points of the commits, those of a step in turn.
    private func commitPointDifference(_ vector: DSLCase) throws -> String? {
        for round in 0..<commitPointRounds {
            let difference = try vector.difference(.inCommits(round: round))
            if let difference { return "with crashes in commits, round \(round): \(difference)" }
        }
        return nil
    }

    /// The first line of a file: topics, types and stores.
    struct Form {
        let id: String
        let inputs: [String: (key: String, value: String)]
        let outputs: [String: (key: String, value: String)]
        let stores: [String: String]
        let parameters: [String: Int64]
        /// Kafka's answer depends on a throttle or loses results; ours does neither (see
        /// `docs/internals/deviations.md`).
        let isDeviation: Bool

        init(_ line: JSON) throws {
            let id = try line.member("topology").string()
            self.id = id
            isDeviation = ["-throttled", "-default-retention"].contains { id.hasSuffix($0) }
            inputs = try Self.types(line.member("inputs"))
            outputs = try Self.types(line.member("outputs"))
            guard case .object(let stores) = try line.member("stores") else {
                throw GoldenError.unexpectedValue("stores")
            }
            self.stores = try stores.mapValues { try $0.string() }
            guard case .object(let parameters) = try line.member("params") else {
                throw GoldenError.unexpectedValue("params")
            }
            self.parameters = try parameters.mapValues { try $0.integer(Int64.self) }
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
struct DSLCase {
    let form: DSLRunner.Form
    let line: JSON

    /// What differs first; nil if outputs, drops and stores are those of the vector.
    func difference(_ mode: DSLRunner.Crashes) throws -> String? {
        let crashes = mode != .none
        let configuration = StreamsConfiguration()
        let id = form.id
        let parameters = try self.parameters()
        let driver = try TopologyDriver(
            inputs: form.inputs.keys.sorted().map { ($0, 1) },
            configuration: configuration,
            seed: 1,
            time: parameters["wallStartMs"].map { ManualTimeSource(wallTime: Timestamp($0)) }
        ) { try Topology(of: DSLTopologies(id: id, parameters: parameters)) }
        var outputs: [String: [Output]] = [:]
        var drops: [Int64] = []
        for (index, step) in try line.member("steps").array().enumerated() {
            let before = driver.counters
            try take(step, driver)
            if mode == .aroundCommits {
                _ = try driver.step()
                if index % 2 == 0 { try driver.crash() } else { try driver.kill() }
                try driver.runUntilIdle()
                if index % 3 == 0 { try driver.crash() }
            }
            if case .inCommits(let round) = mode {
                // Neighbours are much alike.
                _ = try driver.crashInCommit(turn: index * 7 + round * 11)
            }
            try driver.runUntilIdle()
            let after = driver.counters
            let count =
                crashes
                ? 0
                : after.leftOutCount - before.leftOutCount
            drops += Array(repeating: Int64(index), count: Int(count))
            for topic in form.outputs.keys.sorted() {
                for record in try driver.read(topic) {
                    outputs[topic, default: []].append(Output(record, after: index))
                }
            }
        }
        let dropDifference = crashes || !comparesDrops ? nil : try self.dropDifference(drops)
        if form.isDeviation { return try missingOutput(outputs, driver) ?? dropDifference }
        return try outputDifference(outputs) ?? dropDifference ?? storeDifference(driver)
    }

    /// Whether drops must be equal: not where a session that is kept longer takes records that are
    /// late for a newer one, and not where Kafka's two kinds of store count differently.
    private var comparesDrops: Bool {
        if form.id.hasSuffix("-default-retention") { return false }
        return !form.id.hasPrefix("join-stream-stream-") || line["in_memory"] == .string("same")
    }

    /// The case's own parameters and those of its file.
    private func parameters() throws -> [String: Int64] {
        var result = form.parameters
        guard case .object(let members)? = line["config"] else { return result }
        for (name, value) in members { result[name] = try value.integer(Int64.self) }
        return result
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

    /// A record of an output topic, in the form in which it is compared.
    struct Output: Equatable, CustomStringConvertible {
        let step: Int
        let key: [UInt8]
        let content: String
        let headers: String
        let description: String

        init(_ record: TestRecord, after step: Int) {
            self.step = step
            key = record.key ?? []
            content =
                "\(DSLCase.text(of: record.key)) \(DSLCase.text(of: record.value)) "
                + "at \(record.timestamp.rawValue)"
            let own = record.headers.filter { !Self.isDeviating($0.name) }
            headers = "\(own.map { "\($0.name)=\(DSLCase.text(of: $0.value))" })"
            description = "after \(step): \(content) \(headers)"
        }

        /// Whether a header of a dead letter is Java's, or tells what Kafka Streams does not (see
        /// `docs/internals/deviations.md`).
        private static func isDeviating(_ header: String) -> Bool {
            header.hasPrefix("__millrace.") || header == DeadLetterHeader.exception
                || header == DeadLetterHeader.message
        }

        /// Whether the value is part of the result.
        func holds(_ value: [UInt8]) -> Bool { content.contains(DSLCase.text(of: value)) }

        /// Whether this is the other result, or one of a session that holds the other's.
        func stands(for other: Output) -> Bool {
            if content == other.content { return true }
            guard key.count == other.key.count, key.count >= 16,
                key.dropLast(16) == other.key.dropLast(16)
            else { return false }
            let (end, start) = (key.suffix(16).prefix(8), key.suffix(8))
            let (otherEnd, otherStart) = (other.key.suffix(16).prefix(8), other.key.suffix(8))
            return !end.lexicographicallyPrecedes(otherEnd)
                && !otherStart.lexicographicallyPrecedes(start)
        }
    }

    /// The first result of the vector that ours does not have at the same step or before. A result
    /// without a partner may come at another step, or still wait for a record that lets it go.
    private func missingOutput(
        _ actual: [String: [Output]],
        _ driver: TopologyDriver
    ) throws -> String? {
        let isJoin = form.id.hasPrefix("join-")
        var waiting: [[UInt8]] = []
        if isJoin { waiting = try driver.contents(ofStore: "join-waiting").map(\.value) }
        let expected = try expectedOutputs()
        for topic in form.outputs.keys.sorted() {
            var rest = actual[topic] ?? []
            for output in expected[topic] ?? [] {
                let found = rest.firstIndex {
                    (isJoin || $0.step <= output.step) && $0.stands(for: output)
                }
                guard let found else {
                    if isJoin, waiting.contains(where: { output.holds($0) }) { continue }
                    return "\(topic): no \(output)"
                }
                // A session of ours can hold several of Kafka's.
                if rest[found].content != output.content { continue }
                rest.remove(at: found)
            }
        }
        return nil
    }

    private func expectedOutputs() throws -> [String: [Output]] {
        var expected: [String: [Output]] = [:]
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
                Output(record, after: try out.member("after").integer(Int.self))
            )
        }
        return expected
    }

    private func outputDifference(_ actual: [String: [Output]]) throws -> String? {
        let expected = try expectedOutputs()
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
        for (store, kind) in form.stores.sorted(by: { $0.key < $1.key }) {
            if kind == "versioned" {
                guard let difference = try versionedDifference(store, driver) else { continue }
                return difference
            }
            let form = StoreForm(kind: kind, store: store, of: self.form)
            guard let form else { continue }
            let expected = try line.member("stores").member(store).array().map(form.expected)
            let actual = try driver.contents(ofStore: store)
                .compactMap { form.actual($0.key, $0.value, $0.timestamp) }
            guard actual.sorted() == expected.sorted() else {
                return "store \(store): \(actual.sorted()), expected \(expected.sorted())"
            }
        }
        return nil
    }

    private func versionedDifference(
        _ store: String,
        _ driver: TopologyDriver
    ) throws -> String? {
        let form = try VersionedStoreForm(
            history: parameters()["historyMs"] ?? 0,
            steps: line.member("steps").array()
        )
        let expected = try line.member("stores").member(store).array().map(form.expected)
        let actual = form.actual(try driver.contents(ofStore: store))
        guard actual.sorted() != expected.sorted() else { return nil }
        return "store \(store): \(actual.sorted()), expected \(expected.sorted())"
    }

    /// The bytes of a JSON value: `S` is UTF-8, `L` an int64 big-endian, `X` hex.
    static func bytes(of value: JSON?, type: String) throws -> [UInt8]? {
        guard let value, value != .null else { return nil }
        switch type {
        case "S": return Array(try value.string().utf8)
        case "L": return [UInt8](bigEndian: try value.integer(Int64.self))
        case "X": return try value.hex()
        case "TW":
            return try bytes(of: value["k"], type: "S").map { key in
                try key + [UInt8](bigEndian: value.member("start").integer(Int64.self))
            }
        case "SW":
            return try bytes(of: value["k"], type: "S").map { key in
                try key + [UInt8](bigEndian: value.member("end").integer(Int64.self))
                    + [UInt8](bigEndian: value.member("start").integer(Int64.self))
            }
        default: throw GoldenError.unexpectedValue("the type \(type)")
        }
    }

    static func text(of bytes: [UInt8]?) -> String {
        guard let bytes else { return "null" }
        return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension [UInt8] {
    /// The 8 bytes of an integer, most significant first.
    fileprivate init(bigEndian value: Int64) {
        self = Swift.withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}

extension TaskCounters {
    /// What Kafka counts as dropped: a record whose error is let pass too.
    fileprivate var leftOutCount: Int64 {
        recordsDropped + recordsSkipped + recordsDeadLettered
    }
}
