import Millrace
import MillraceTestKit
import Testing

/// The examples of docs/guide/stateless.md.
@Suite struct StatelessExamples {
    struct Receipt: Codable, Equatable, Sendable {
        var order: String
        var cents: Int64
    }

    enum Outputs {
        static let receipts = Topic("receipts", key: .utf8, value: Receipt.self)
        static let large = Topic("large-orders", key: .utf8, value: Order.self)
        static let others = Topic("other-orders", key: .utf8, value: Order.self)
        static let letters = Topic("letters", key: .utf8, value: .utf8)
        static let byCustomer = Topic("by-customer", key: .utf8, value: Order.self)
        static let checked = Topic("checked", key: .utf8, value: Order.self)
        static let asked = Topic("asked-receipts", key: .utf8, value: Receipt.self)
        static let german = Topic("orders-de", key: .utf8, value: Order.self)
    }

    /// Somebody who takes a while.
    actor Cashier {
        static let shared = Cashier()

        func receipt(for order: Order) async throws -> Receipt {
            Receipt(order: order.id, cents: order.cents)
        }
    }

    struct Job: StreamJob {
        static let name = "stateless"

        var topology: [Statement] {
            let orders = stream(Topics.orders)

            // begin: stateless-chain
            orders
                .filter { (order: Order) -> Bool in order.cents > 0 }
                .mapValues { (order: Order) -> Receipt in
                    Receipt(order: order.id, cents: order.cents)
                }
                .to(Outputs.receipts)
            // end: stateless-chain

            // begin: stateless-branch
            let parts = orders.branch([
                "free": { (order: Order) -> Bool in order.cents == 0 },
                "large": { (order: Order) -> Bool in order.cents >= 100_000 },
            ])
            parts["large"].to(Outputs.large)
            parts.other.merge(parts["free"]).to(Outputs.others)
            // end: stateless-branch

            // begin: stateless-flat-map
            orders
                .flatMap { (_: String, order: Order) -> [(String, String)] in
                    [
                        (order.customer, "thank you for \(order.id)"),
                        ("warehouse-\(order.country)", "pack \(order.id)"),
                    ]
                }
                .to(Outputs.letters)
            // end: stateless-flat-map

            // begin: stateless-with-record
            orders
                .mapValuesWithRecord { (_: String, order: Order, record: CurrentRecord) -> Order in
                    record.headers.append(.init("checked-by", "rules-7"))
                    record.timestamp = Timestamp(order.placedAt)
                    return order
                }
                .to(Outputs.checked)
            // end: stateless-with-record

            // begin: stateless-async
            orders
                .mapAsync(maxInFlight: 32) { (_: String, order: Order) async throws -> Receipt in
                    try await Cashier.shared.receipt(for: order)
                }
                .onError(.deadLetter(retry: .fixed(.seconds(1), attempts: 3)))
                .to(Outputs.asked)
            // end: stateless-async

            // begin: stateless-select-key
            orders
                .selectKey(\.customer)
                .repartition("by-customer", key: .utf8)
                .to(Outputs.byCustomer)
            // end: stateless-select-key

            // begin: stateless-dynamic
            orders.to(
                among: ["orders-de", "orders-fr"],
                key: .utf8,
                value: .json(Order.self)
            ) { (_: String, order: Order) -> String in "orders-\(order.country)" }
            // end: stateless-dynamic
        }
    }

    @Test func `each way has the records that belong there`() throws {
        let engine = try TestEngine(Job(), partitions: 1)
        let free = Order.example("o-1", cents: 0)
        let large = Order.example("o-2", country: "fr", cents: 200_000)
        for order in [free, large] { try engine.send(order, key: order.id, to: Topics.orders) }
        try engine.run()
        let receipts = try engine.read(Outputs.receipts)
        #expect(receipts.map(\.value) == [Receipt(order: "o-2", cents: 200_000)])
        #expect(try engine.read(Outputs.large).map(\.value) == [large])
        #expect(try engine.read(Outputs.others).map(\.value) == [free])
        #expect(
            try engine.read(Outputs.letters).map(\.key) == [
                "c-1", "warehouse-de", "c-1", "warehouse-fr",
            ]
        )
        #expect(try engine.read(Outputs.byCustomer).map(\.key) == ["c-1", "c-1"])
        let checked = try engine.readRecords(Outputs.checked)
        #expect(checked.map(\.value) == [free, large])
        #expect(checked.allSatisfy { $0.headers["checked-by"] == Array("rules-7".utf8) })
        #expect(checked.map(\.timestamp.rawValue) == [free.placedAt, large.placedAt])
        #expect(try engine.read(Outputs.asked).map(\.value.order) == ["o-1", "o-2"])
        #expect(try engine.read(Outputs.german).map(\.value) == [free])
    }
}

/// The source's own time, in docs/guide/stateless.md.
@Suite struct TimeExamples {
    struct Job: StreamJob {
        static let name = "times"
        static let output = Topic("timed", key: .utf8, value: Order.self)

        var topology: [Statement] {
            // begin: stateless-time
            stream(
                Topics.orders,
                timestamps: .value { (order: Order) -> Timestamp in Timestamp(order.placedAt) }
                    .bounded(ahead: .seconds(3600))
            )
            // end: stateless-time
            .to(Self.output)
        }
    }

    @Test func `an order of the far future is dropped`() throws {
        let engine = try TestEngine(Job())
        let now: Int64 = 1_767_225_600
        for second in [now, now + 7200] {
            try engine.send(.example("o-1", second: second), key: "o-1", to: Topics.orders)
        }
        try engine.run()
        #expect(try engine.read(Job.output).map(\.value.placedAt) == [now * 1000])
    }
}
