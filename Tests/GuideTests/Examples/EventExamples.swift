import Millrace
import MillraceTestKit
import Testing

/// The examples of docs/guide/events.md.
@Suite struct EventExamples {
    // begin: events-topic
    struct OldOrder: Codable, Sendable {
        var cents: Int64
    }

    struct Placed: Codable, Equatable, Sendable {
        var cents: Int64
        var currency: String
    }

    static let orders = Topic(
        "orders",
        key: .utf8,
        value: EventSerde<Placed>(
            type: "order-placed",
            version: 2,
            upcasting: [
                .from(1, OldOrder.self) { (old: OldOrder) -> Placed in
                    Placed(cents: old.cents, currency: "EUR")
                }
            ]
        )
    )
    // end: events-topic

    struct Priced: Codable, Equatable, Sendable {
        var cents: Int64
    }

    static let priced = Topic("priced", key: .utf8, value: .event(Priced.self, type: "priced"))

    struct Job: StreamJob {
        static let name = "events"

        var errorPolicies: ErrorPolicies { ErrorPolicies(decode: .deadLetter) }

        var topology: [Statement] {
            // begin: events-job
            stream(orders, timestamp: { (event: Event<Placed>) -> Timestamp in event.occurredAt })
                .deduplicated(by: \.id, within: .seconds(86_400), store: "seen-orders")
                .mapValues { (event: Event<Placed>) -> Event<Priced> in
                    event.followed(by: "priced", data: Priced(cents: event.data.cents))
                }
                .to(priced)
            // end: events-job
        }
    }

    private static let texts = Topic("orders", key: .utf8, value: .utf8)

    private func text(_ id: String, version: Int, data: String) -> String {
        #"{"event_id":"\#(id)","event_type":"order-placed","event_version":\#(version),"#
            + #""occurred_at":"2026-01-01T12:00:00Z","data":\#(data)}"#
    }

    @Test func `old versions are read, copies dropped, unknown versions dead letters`() throws {
        let engine = try TestEngine(Job(), partitions: 1)
        let new = text("e-2", version: 2, data: #"{"cents":250,"currency":"USD"}"#)
        for line in [
            text("e-1", version: 1, data: #"{"cents":700}"#), new, new,
            text("e-3", version: 9, data: "{}"),
        ] {
            try engine.send(line, key: "o-1", to: Self.texts)
        }
        try engine.run()
        let events = try engine.read(Self.priced).map(\.value)
        #expect(events.map(\.data.cents) == [700, 250])
        #expect(events.map(\.id) == ["e-1/priced", "e-2/priced"])
        #expect(events.map(\.correlationID) == ["e-1", "e-2"])
        let letters = try engine.readDeadLetters()
        #expect(letters.map { $0.headers[DeadLetterHeader.reason] } == ["unsupported-version"])
    }
}
