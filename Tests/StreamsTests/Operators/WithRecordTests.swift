import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Operators that read and set timestamps and headers.
@Suite struct WithRecordTests {
    private static let input = Topic("in", key: .utf8, value: .utf8)
    private static let output = Topic("out", key: .utf8, value: .utf8)
    private static let beside = Topic("beside", key: .utf8, value: .utf8)

    private func driver(
        _ topology: @escaping @Sendable (KeyedStream<String, String, ByKey>) -> [Statement]
    ) throws -> TopologyDriver {
        try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 4
        ) { try Topology(of: AnyJob(statements: topology)) }
    }

    private struct AnyJob: StreamJob {
        static let name = "with-record"
        var statements: @Sendable (KeyedStream<String, String, ByKey>) -> [Statement] = { _ in [] }
        var topology: [Statement] { statements(stream(WithRecordTests.input)) }
    }

    private func run(_ driver: TopologyDriver, value: String = "v") throws {
        try driver.send(
            topic: "in",
            key: Array("k".utf8),
            value: Array(value.utf8),
            timestamp: Timestamp(1_000),
            headers: [("trace", Array("t-1".utf8)), ("null", nil)]
        )
        try driver.runUntilIdle()
    }

    /// `key value at time trace,tag`.
    private func text(_ records: [TestRecord]) -> [String] {
        records.map { record in
            let headers = record.headers.map { header in
                "\(header.name)=\(header.value.map { String(decoding: $0, as: UTF8.self) } ?? "-")"
            }
            return "\(String(decoding: record.key ?? [], as: UTF8.self)) "
                + "\(String(decoding: record.value ?? [], as: UTF8.self)) "
                + "at \(record.timestamp.rawValue) \(headers.joined(separator: ","))"
        }
    }

    @Test func `what is set goes with the results, and other ways see the record as it was`() throws
    {
        let driver = try driver { records in
            let changed = records.mapValuesWithRecord {
                (_: String, value: String, record: CurrentRecord) -> String in
                let trace = record.headers["trace"].map { String(decoding: $0, as: UTF8.self) }
                record.headers.append(.init("tag", "a"))
                record.timestamp = record.timestamp.advanced(byMilliseconds: 5)
                return "\(value) \(trace ?? "") \(record.offset.rawValue)"
            }
            return [
                changed.mapValuesWithRecord {
                    (_: String, value: String, record: CurrentRecord) -> String in
                    record.headers = []
                    return value
                }.to(Self.output), changed.to(Self.output), records.to(Self.beside),
            ]
        }
        try run(driver)
        #expect(
            text(try driver.read("out")) == [
                "k v t-1 0 at 1005 ", "k v t-1 0 at 1005 trace=t-1,null=-,tag=a",
            ]
        )
        #expect(text(try driver.read("beside")) == ["k v at 1000 trace=t-1,null=-"])
    }

    @Test func `every stateless operator has one`() throws {
        let driver = try driver { records in
            let tagged = { (name: String) -> @Sendable (String, String, CurrentRecord) -> Bool in
                { _, _, record in
                    record.headers.append(.init("by", name))
                    return record.headers["trace"] != nil
                }
            }
            let (filter, peek) = (tagged("filter"), tagged("peek"))
            return [
                records
                    .filterWithRecord(filter)
                    .peekWithRecord { key, value, record in _ = peek(key, value, record) }
                    .flatMapValuesWithRecord {
                        (_: String, value: String, record: CurrentRecord) -> [String] in
                        record.timestamp = Timestamp(7)
                        return [value, value + "2"]
                    }
                    .mapWithRecord {
                        (key: String, value: String, record: CurrentRecord) -> (String, String) in
                        record.headers = [.init("only", value)]
                        return (key + "1", value)
                    }
                    .flatMapWithRecord {
                        (key: String, value: String, _: CurrentRecord) -> [(String, String)] in
                        [(key, value)]
                    }
                    .selectKeyWithRecord {
                        (key: String, _: String, record: CurrentRecord) -> String in
                        "\(key)@\(record.timestamp.rawValue)"
                    }
                    .to(Self.output),
                records.filterWithRecord(filter).foreachWithRecord { _, _, record in
                    if record.headers.count != 3 { throw SerdeError("three headers") }
                },
                records.foreach { key, _ in if key != "k" { throw SerdeError("the key") } },
            ]
        }
        try run(driver)
        #expect(text(try driver.read("out")) == ["k1@7 v at 7 only=v", "k1@7 v2 at 7 only=v2"])
    }

    @Test func `an error takes what was set back, and a time before 1970 is one`() throws {
        let driver = try driver { records in
            [
                records.mapValuesWithRecord {
                    (_: String, value: String, record: CurrentRecord) -> String in
                    record.headers = []
                    record.timestamp = Timestamp(value == "early" ? -5 : 9)
                    if value == "bad" { throw SerdeError("bad") }
                    return value
                }.onError(.skip).to(Self.output), records.to(Self.beside),
            ]
        }
        for value in ["bad", "early", "good"] { try run(driver, value: value) }
        #expect(text(try driver.read("out")) == ["k good at 9 "])
        #expect(try driver.read("beside").allSatisfy { $0.timestamp == Timestamp(1_000) })
        #expect(driver.counters.recordsSkipped == 2)
    }
}
