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
