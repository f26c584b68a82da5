import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Events in their envelope: versions, times, and what cannot be read.
@Suite struct EventTests {
    private struct Order: Codable, Sendable, Equatable {
        var id: String
        var cents: Int
        var currency: String
    }

    private struct OldOrder: Codable, Sendable {
        var id: String
        var total: Int
    }

    private static let serde = EventSerde<Order>(
        type: "order-placed",
        version: 3,
        upcasting: [
            .from(1, OldOrder.self) { old -> Order in
                Order(id: old.id, cents: old.total * 100, currency: "EUR")
            }
        ]
    )

    private struct Orders: StreamJob {
        static let name = "orders"
        static let input = Topic("in", key: .utf8, value: EventTests.serde)
        static let output = Topic(
            "out",
            key: .utf8,
            value: .event(Int.self, type: "order-priced")
        )
        var errorPolicies: ErrorPolicies { ErrorPolicies(decode: .deadLetter(topic: "dlq")) }
        var topology: [Statement] {
            stream(Self.input)
                .deduplicated(by: \.id, within: .seconds(60), store: "seen")
                .mapValues { event -> Event<Int> in
                    event.followed(by: "order-priced", data: event.data.cents)
                }
                .to(Self.output)
        }
    }

    private func text(
        version: String = "3",
        type: String = "order-placed",
        data: String = #"{"id":"o1","cents":250,"currency":"USD"}"#,
        time: String = #""2026-03-01T12:00:00.250Z""#
    ) -> [UInt8] {
        Array(
            (#"{"event_id":"e1","event_type":"\#(type)","event_version":\#(version),"#
                + #""occurred_at":\#(time),"correlation_id":null,"data":\#(data)}"#).utf8
        )
    }

    private func decode(_ text: [UInt8]) throws -> Event<Order> {
        try text.withUnsafeBytes { try Self.serde.decode($0) }
    }

    @Test func `versions are brought up to the current one`() throws {
        let new = try decode(text())
        #expect(new.data == Order(id: "o1", cents: 250, currency: "USD"))
        let old = try decode(text(version: "1", data: #"{"id":"o1","total":7}"#))
        #expect(old.data == Order(id: "o1", cents: 700, currency: "EUR"))
        #expect(old.version == 3 && old.id == "e1" && old.correlationID == nil)
        #expect(old.occurredAt == Timestamp(1_772_366_400_250))
    }

    @Test func `an envelope is written with the version and type of its serde`() throws {
        var event = try decode(text())
        event.version = 1
        event.type = "other"
        var sink = ByteSink()
        try Self.serde.encode(event, into: &sink)
        #expect(try Self.serde.decode(sink.bytes) == (try decode(text())))
    }

    @Test(
        arguments: [
            ("2026-03-01T12:00:00Z", 1_772_366_400_000),
            ("2026-03-01T14:00:00.1239+02:00", 1_772_366_400_123),
            ("2026-03-01T11:30:00,5-00:30", 1_772_366_400_500),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
        ] as [(String, Int64)]
    )
    func `a time is read as ISO 8601 has it`(time: String, milliseconds: Int64) throws {
        let event = try decode(text(time: "\"\(time)\""))
        #expect(event.occurredAt == Timestamp(milliseconds))
        var sink = ByteSink()
        try Self.serde.encode(event, into: &sink)
        #expect(try Self.serde.decode(sink.bytes).occurredAt == Timestamp(milliseconds))
    }

    @Test(arguments: [
        "2026-02-29T00:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01 12:00", "2026-13-01T00:00:00Z",
        "2026-03-01T12:00:00", "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00Zx", "", "20260301",
    ])
    func `a time that is none is refused with its place`(time: String) {
        let error = #expect(throws: SerdeError.self) { try decode(text(time: "\"\(time)\"")) }
        #expect(error?.reason.contains("occurred_at") == true, "\(error?.reason ?? "")")
    }

    @Test func `a time may be a number of milliseconds`() throws {
        #expect(try decode(text(time: "17")).occurredAt == Timestamp(17))
    }

    @Test(
        arguments: [
            253_402_300_799_999, 253_402_300_800_000, -62_167_219_200_001, 8_640_000_000_000_000,
            -8_640_000_000_000_000,
        ] as [Int64]
    )
    func `a time that no date tells is written as it is read`(milliseconds: Int64) throws {
        let event = try decode(text(time: "\(milliseconds)"))
        var sink = ByteSink()
        try Self.serde.encode(event, into: &sink)
        #expect(try Self.serde.decode(sink.bytes).occurredAt == Timestamp(milliseconds))
    }

    @Test(arguments: [Int64.min, -8_640_000_000_000_001, 8_640_000_000_000_001, .max])
    func `a number that is no time is refused, read or written`(milliseconds: Int64) throws {
        let error = #expect(throws: SerdeError.self) {
            try decode(text(time: "\(milliseconds)"))
        }
        #expect(error?.reason.contains("occurred_at") == true, "\(error?.reason ?? "")")
        var event = try decode(text())
        event.occurredAt = Timestamp(milliseconds)
        var sink = ByteSink()
        #expect(throws: (any Error).self) { try Self.serde.encode(event, into: &sink) }
    }

    @Test func `what follows from an event has an id of its own, the same at every try`() throws {
        let driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 4
        ) { try Topology(of: Orders()) }
        let events = [
            text(), text(), text(version: "9"), text(type: "order-cancelled"),
            text(version: "1", data: "{}"), Array("{}".utf8),
        ]
        for event in events {
            try driver.send(topic: "in", key: [107], value: event, timestamp: Timestamp(0))
        }
        _ = try driver.step()
        try driver.crash()
        try driver.runUntilIdle()
        let found = try driver.read("out").map { String(decoding: $0.value ?? [], as: UTF8.self) }
        #expect(found.count == 1)
        #expect(found.first?.contains(#""event_id":"e1/order-priced""#) == true)
        #expect(found.first?.contains(#""correlation_id":"e1""#) == true)
        let letters = try driver.read("dlq")
        let reasons = letters.map { letter in
            letter.headers.first { $0.name == DeadLetterHeader.reason }?.value
                .map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(reasons == ["unsupported-version", "unexpected-type", "decode", "decode"])
        #expect(letters.map(\.offset.rawValue) == [0, 1, 2, 3])
    }

    @Test func `a test reads what did not make it`() throws {
        let engine = try TestEngine(Orders(), partitions: 2)
        let raw = Topic("in", key: .utf8, value: .utf8)
        for version in ["9", "3", "3"] {
            try engine.send(
                String(decoding: text(version: version), as: UTF8.self),
                key: "k",
                to: raw
            )
        }
        try engine.run()
        let letters = try engine.readDeadLetters(of: "dlq")
        #expect(letters.map(\.key) == [[107]] && letters.map(\.value) == [text(version: "9")])
        #expect(letters.first?.headers[DeadLetterHeader.reason] == "unsupported-version")
        #expect(engine.droppedCount(.duplicate) == 1 && engine.skippedCount == 0)
        #expect(try engine.read(Orders.output).count == 1)
    }
}
