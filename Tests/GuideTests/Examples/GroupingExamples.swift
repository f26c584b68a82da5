import Millrace
import MillraceTestKit
import Testing

/// The examples of docs/guide/grouping.md.
@Suite struct GroupingExamples {
    struct Revenue: Codable, Equatable, Sendable {
        var orders: Int64 = 0
        var cents: Int64 = 0
    }

    struct Return: Codable, Sendable {
        var customer: String
        var cents: Int64
    }

    enum Inputs {
        static let returns = Topic("returns", key: .utf8, value: Return.self)
    }

    enum Outputs {
        static let counts = Topic("orders-by-country", key: .utf8, value: .int64)
        static let largest = Topic("largest-orders", key: .utf8, value: Order.self)
        static let revenue = Topic("revenue", key: .utf8, value: Revenue.self)
        static let balances = Topic("balances", key: .utf8, value: Revenue.self)
        static let top = Topic("top-orders", key: .utf8, value: [Order].self)
        static let longestNames = Topic("longest-names", key: .utf8, value: [Customer].self)
    }

    struct Job: StreamJob {
        static let name = "grouping"

        var topology: [Statement] {
            let orders = stream(Topics.orders)
            let returns = stream(Inputs.returns)

            // begin: grouping-count
            orders
                .groupBy(\.country, via: "by-country", key: .utf8)
                .count(store: "orders-by-country")
                .to(Outputs.counts)
            // end: grouping-count

            // begin: grouping-several
            let byCustomer = orders.groupBy(\.customer, via: "by-customer", key: .utf8)

            byCustomer
                .reduce(store: "largest") { (left: Order, right: Order) -> Order in
                    left.cents >= right.cents ? left : right
                }
                .to(Outputs.largest)

            byCustomer
                .aggregate(store: "revenue", initial: Revenue()) {
                    (revenue: inout Revenue, order: Order) in
                    revenue.orders += 1
                    revenue.cents += order.cents
                }
                .to(Outputs.revenue)
            // end: grouping-several

            // begin: grouping-top
            byCustomer
                .top(3, by: \.cents, store: "top", value: .json(Order.self))
                .to(Outputs.top)
            // end: grouping-top

            // begin: grouping-table-top
            let byTier = table(Topics.customers, store: "customers")
                .groupBy(via: "by-tier", key: .utf8, value: .json(Customer.self)) {
                    (_: String, customer: Customer) -> (String, Customer) in
                    (customer.tier, customer)
                }
            byTier
                .top(2, by: { (row: Customer) -> Int in row.name.count }, store: "longest")
                .to(Outputs.longestNames)
            // end: grouping-table-top

            // begin: grouping-cogroup
            byCustomer
                .cogrouped(as: .json(Revenue.self)) { (balance: inout Revenue, order: Order) in
                    balance.orders += 1
                    balance.cents += order.cents
                }
                .with(returns.groupBy(\.customer, via: "returns-by-customer", key: .utf8)) {
                    (balance: inout Revenue, back: Return) in
                    balance.cents -= back.cents
                }
                .aggregate(store: "balances", initial: Revenue())
                .to(Outputs.balances)
            // end: grouping-cogroup
        }
    }

    @Test func `each aggregate has every record once`() throws {
        let engine = try TestEngine(Job(), partitions: 1)
        for (index, cents) in [500, 900, 100, 700].enumerated() {
            let order = Order.example("o-\(index)", cents: Int64(cents))
            try engine.send(order, key: order.id, to: Topics.orders)
        }
        try engine.run()
        let back = Return(customer: "c-1", cents: 900)
        try engine.send(back, key: "o-1", to: Inputs.returns)
        try engine.run()
        #expect(try engine.read(Outputs.counts).map(\.value) == [1, 2, 3, 4])
        #expect(try engine.read(Outputs.largest).map(\.value.id) == ["o-0", "o-1", "o-1", "o-1"])
        #expect(try engine.read(Outputs.revenue).last?.value == Revenue(orders: 4, cents: 2200))
        #expect(try engine.read(Outputs.top).last?.value.map(\.cents) == [900, 700, 500])
        for name in ["Ada", "Grace", "Alan", "Barbara"] {
            let customer = Customer(name: name, tier: "gold")
            try engine.send(customer, key: "c-\(name)", to: Topics.customers)
        }
        let promoted = Customer(name: "Barbara", tier: "lead")
        try engine.send(promoted, key: "c-Barbara", to: Topics.customers)
        try engine.run()
        let longest = try engine.read(Outputs.longestNames)
        #expect(longest.last { $0.key == "gold" }?.value.map(\.name) == ["Grace", "Alan"])
        #expect(longest.last { $0.key == "lead" }?.value.map(\.name) == ["Barbara"])
        #expect(try engine.read(Outputs.balances).last?.value == Revenue(orders: 4, cents: 1300))
    }
}
