import Millrace
import MillraceTestKit
import Testing

/// The examples of docs/guide/windows.md.
@Suite struct WindowExamples {
    struct Visit: Codable, Equatable, Sendable {
        var orders: Int64 = 0
        var cents: Int64 = 0
    }

    enum Outputs {
        // begin: windows-topic
        static let minutes = Topic(
            "orders-by-minute",
            key: .windowed(.utf8, size: .seconds(60)),
            value: .int64
        )
        // end: windows-topic
        static let recent = Topic(
            "recent-orders",
            key: .windowed(.utf8, size: .seconds(300)),
            value: .int64
        )
        static let bursts = Topic(
            "bursts",
            key: .windowed(.utf8, size: .seconds(10)),
            value: .int64
        )
        static let visits = Topic("visits", key: .session(.utf8), value: Visit.self)
        static let finals = Topic(
            "final-minutes",
            key: .windowed(.utf8, size: .seconds(60)),
            value: .int64
        )
    }

    struct Job: StreamJob {
        static let name = "windows"

        var topology: [Statement] {
            // begin: windows-tumbling
            let byCustomer = stream(
                Topics.orders,
                timestamp: { (order: Order) -> Timestamp in Timestamp(order.placedAt) }
            )
            .groupBy(\.customer, via: "by-customer", key: .utf8)

            byCustomer
                .windowed(by: .tumbling(.seconds(60), grace: .seconds(10)))
                .count(store: "minutes", emit: .onClose(idleAfter: .seconds(5)))
                .to(Outputs.minutes)
            // end: windows-tumbling

            // begin: windows-hopping
            byCustomer
                .windowed(by: .hopping(.seconds(300), every: .seconds(60)))
                .count(store: "recent")
                .to(Outputs.recent)
            // end: windows-hopping

            // begin: windows-sliding
            byCustomer
                .windowed(by: .sliding(.seconds(10)))
                .count(store: "bursts")
                .to(Outputs.bursts)
            // end: windows-sliding

            // begin: windows-session
            byCustomer
                .windowed(by: .session(gap: .seconds(1800)))
                .aggregate(
                    store: "visits",
                    initial: Visit(),
                    value: .json(Visit.self),
                    emit: .onClose,
                    merge: { (left: Visit, right: Visit) -> Visit in
                        Visit(orders: left.orders + right.orders, cents: left.cents + right.cents)
                    }
                ) { (visit: inout Visit, order: Order) in
                    visit.orders += 1
                    visit.cents += order.cents
                }
                .to(Outputs.visits)
            // end: windows-session

            // begin: windows-suppress
            byCustomer
                .windowed(by: .tumbling(.seconds(60)))
                .count(store: "all-minutes")
                .suppressedUntilClosed(
                    store: "held-minutes",
                    key: .windowed(.utf8, size: .seconds(60)),
                    value: .int64
                )
                .to(Outputs.finals)
            // end: windows-suppress
        }
    }

    @Test func `windows count what lies in them and close in the records' time`() throws {
        let engine = try TestEngine(Job(), partitions: 1)
        for second: Int64 in [0, 5, 59, 70, 2000] {
            let order = Order.example("o-\(second)", second: second)
            try engine.send(order, key: order.id, to: Topics.orders)
        }
        try engine.run()
        let minutes = try engine.read(Outputs.minutes)
        #expect(minutes.map(\.value) == [3, 1])
        #expect(minutes.map(\.key.window.start.rawValue) == [0, 60_000])
        #expect(try engine.read(Outputs.finals).map(\.value) == [3, 1])
        #expect(try engine.read(Outputs.recent).map(\.value).prefix(3) == [1, 2, 3])
        #expect(try engine.read(Outputs.bursts).map(\.value).max() == 2)
        let visits = try engine.read(Outputs.visits)
        #expect(visits.map(\.value) == [Visit(orders: 4, cents: 2000)])
        #expect(visits.map(\.key.window.end.rawValue) == [70_000])
    }
}
