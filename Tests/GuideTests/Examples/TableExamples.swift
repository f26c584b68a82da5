import Millrace
import MillraceTestKit
import Testing

/// The examples of docs/guide/tables.md.
@Suite struct TableExamples {
    enum Outputs {
        static let gold = Topic("gold-customers", key: .utf8, value: .optional(.utf8))
        static let tiers = Topic("customers-by-tier", key: .utf8, value: .int64)
        static let latest = Topic("latest-orders", key: .utf8, value: .int64)
        static let spent = Topic("spent-by-tier", key: .utf8, value: .int64)
        static let active = Topic("active-by-tier", key: .utf8, value: .int64)
        static let recent = Topic("recent-orders", key: .utf8, value: .int64)
    }

    struct Job: StreamJob {
        static let name = "tables"

        var topology: [Statement] {
            // begin: tables-changes
            let customers = table(Topics.customers, store: "customers")

            customers
                .filter { (customer: Customer) -> Bool in customer.tier == "gold" }
                .mapValues { (customer: Customer) -> String in customer.name }
                .toStream()
                .to(Outputs.gold)
            // end: tables-changes

            // begin: tables-group
            customers
                .groupBy(via: "by-tier", key: .utf8, value: .utf8) {
                    (id: String, customer: Customer) -> (String, String) in (customer.tier, id)
                }
                .count(store: "customers-by-tier")
                .to(Outputs.tiers)
            // end: tables-group

            // begin: tables-aggregate
            let orders = table(
                Topics.orders,
                store: "orders",
                timestamps: .value { (order: Order?) -> Timestamp in
                    Timestamp(order?.placedAt ?? 0)
                }
            )
            orders
                .groupBy(via: "orders-by-customer", key: .utf8, value: .int64) {
                    (_: String, order: Order) -> (String, Int64) in (order.customer, order.cents)
                }
                .aggregate(
                    store: "spent",
                    initial: 0,
                    value: .int64,
                    add: { (total: inout Int64, cents: Int64) in total += cents },
                    subtract: { (total: inout Int64, cents: Int64) in total -= cents }
                )
                .to(Outputs.spent)
            // end: tables-aggregate

            // begin: tables-materialized
            orders
                .mapValues { (order: Order) -> Int64 in order.cents }
                .materialized(store: "cents", key: .utf8, value: .int64)
                .to(Outputs.latest)
            // end: tables-materialized
        }
    }

    struct Forgetting: StreamJob {
        static let name = "forgetting"

        var topology: [Statement] {
            // begin: tables-expiry
            let customers = table(
                Topics.customers,
                store: "active-customers",
                expiry: .after(.seconds(30 * 86_400), idleAfter: .seconds(60))
            )
            customers
                .groupBy(via: "active-by-tier", key: .utf8, value: .utf8) {
                    (id: String, customer: Customer) -> (String, String) in (customer.tier, id)
                }
                .count(store: "active-by-tier")
                .to(Outputs.active)

            stream(Topics.orders)
                .groupBy(\.customer, via: "by-customer", key: .utf8)
                .count(store: "recent-orders", expiry: .after(.seconds(86_400)))
                .to(Outputs.recent)
            // end: tables-expiry
        }
    }

    @Test func `a row that is not updated ends, and is taken back`() throws {
        let engine = try TestEngine(Forgetting(), partitions: 1)
        let day = 86_400
        let tier = Customer(name: "Ada", tier: "gold")
        try engine.send(tier, key: "c-1", to: Topics.customers, at: .seconds(0))
        try engine.send(tier, key: "c-2", to: Topics.customers, at: .seconds(20 * day))
        try engine.send(tier, key: "c-3", to: Topics.customers, at: .seconds(30 * day))
        for hours in [0, 20, 43, 67] {
            let order = Order.example("o-\(hours)")
            try engine.send(order, key: order.id, to: Topics.orders, at: .seconds(hours * 3600))
        }
        try engine.run()
        #expect(try engine.read(Outputs.active).map(\.value) == [1, 2, 1, 2])
        let recent = Topic("recent-orders", key: .utf8, value: .optional(.int64))
        #expect(try engine.read(recent).map(\.value) == [1, 2, 3, nil, 1])
    }

    @Test func `a change takes back what it replaces`() throws {
        let engine = try TestEngine(Job(), partitions: 1)
        for tier in ["silver", "gold", "silver"] {
            try engine.send(Customer(name: "Ada", tier: tier), key: "c-1", to: Topics.customers)
            try engine.run()
        }
        #expect(try engine.read(Outputs.gold).map(\.value) == ["Ada", nil])
        let tiers = try engine.read(Outputs.tiers)
        #expect(tiers.filter { $0.key == "gold" }.map(\.value) == [1, 0])
        for cents: Int64 in [500, 300] {
            try engine.send(.example("o-1", cents: cents), key: "o-1", to: Topics.orders)
            try engine.run()
        }
        #expect(try engine.read(Outputs.spent).last?.value == 300)
        #expect(try engine.read(Outputs.latest).map(\.value) == [500, 300])
    }
}
