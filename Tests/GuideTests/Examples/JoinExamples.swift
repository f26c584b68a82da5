import Millrace
import MillraceTestKit
import Testing

/// The examples of docs/guide/joins.md.
@Suite struct JoinExamples {
    struct Payment: Codable, Sendable {
        var cents: Int64
        var paidAt: Int64
    }

    struct Enriched: Codable, Equatable, Sendable {
        var order: String
        var tier: String
    }

    struct Paid: Codable, Equatable, Sendable {
        var order: String
        var isPaid: Bool
    }

    struct Country: Codable, Sendable {
        var name: String
    }

    enum Inputs {
        static let payments = Topic("payments", key: .utf8, value: Payment.self)
        static let countries = Topic("countries", key: .utf8, value: Country.self)
        static let addresses = Topic("addresses", key: .utf8, value: .utf8)
        static let openOrders = Topic("open-orders", key: .utf8, value: Order.self)
    }

    enum Outputs {
        static let enriched = Topic("enriched", key: .utf8, value: Enriched.self)
        static let paid = Topic("paid", key: .utf8, value: Paid.self)
        static let located = Topic("located", key: .utf8, value: .utf8)
        static let letters = Topic("letters", key: .utf8, value: .utf8)
        static let tiers = Topic("tiers", key: .utf8, value: Enriched.self)
    }

    struct Job: StreamJob {
        static let name = "joins"

        var topology: [Statement] {
            // begin: joins-stream-table
            let orders = stream(Topics.orders)
            let customers = table(Topics.customers, store: "customers")

            orders
                .selectKey(\.customer)
                .repartition("by-customer", key: .utf8)
                .join(customers) { (order: Order, customer: Customer) -> Enriched in
                    Enriched(order: order.id, tier: customer.tier)
                }
                .to(Outputs.enriched)
            // end: joins-stream-table

            // begin: joins-stream-stream
            orders
                .leftJoin(
                    stream(Inputs.payments),
                    within: .within(before: .zero, after: .seconds(900), grace: .seconds(60)),
                    store: "unpaid",
                    key: .utf8,
                    left: .json(Order.self),
                    right: .json(Payment.self)
                ) { (order: Order, payment: Payment?) -> Paid in
                    Paid(order: order.id, isPaid: payment != nil)
                }
                .to(Outputs.paid)
            // end: joins-stream-stream

            // begin: joins-global
            let countries = globalTable(Inputs.countries, store: "countries")

            orders
                .join(countries, key: { (_: String, order: Order) -> String? in order.country }) {
                    (order: Order, country: Country) -> String in
                    "\(order.id) goes to \(country.name)"
                }
                .to(Outputs.located)
            // end: joins-global

            // begin: joins-table-table
            let addresses = table(Inputs.addresses, store: "addresses")

            customers
                .leftJoin(addresses) { (customer: Customer, address: String?) -> String in
                    "\(customer.name), \(address ?? "no address")"
                }
                .to(Outputs.letters)
            // end: joins-table-table

            // begin: joins-foreign-key
            table(Inputs.openOrders, store: "open-orders")
                .join(
                    customers,
                    foreignKey: { (order: Order) -> String? in order.customer },
                    via: "order-customer",
                    key: .utf8,
                    otherKey: .utf8,
                    otherValue: .json(Customer.self)
                ) { (order: Order, customer: Customer) -> Enriched in
                    Enriched(order: order.id, tier: customer.tier)
                }
                .to(Outputs.tiers)
            // end: joins-foreign-key
        }
    }

    @Test func `each join finds its rows and partners`() throws {
        let engine = try TestEngine(Job(), partitions: 2)
        let ada = Customer(name: "Ada", tier: "gold")
        try engine.send(ada, key: "c-1", to: Topics.customers)
        try engine.send("1 Main Street", key: "c-1", to: Inputs.addresses)
        try engine.send(Country(name: "Germany"), key: "de", to: Inputs.countries)
        try engine.run()
        try engine.send(.example("o-1"), key: "o-1", to: Topics.orders)
        try engine.send(.example("o-1"), key: "o-1", to: Inputs.openOrders)
        let payment = Payment(cents: 500, paidAt: 0)
        try engine.send(payment, key: "o-1", to: Inputs.payments, at: .seconds(60))
        try engine.run()
        #expect(
            try engine.read(Outputs.enriched).map(\.value) == [Enriched(order: "o-1", tier: "gold")]
        )
        #expect(try engine.read(Outputs.paid).map(\.value) == [Paid(order: "o-1", isPaid: true)])
        #expect(try engine.read(Outputs.located).map(\.value) == ["o-1 goes to Germany"])
        #expect(try engine.read(Outputs.letters).last?.value == "Ada, 1 Main Street")
        try engine.send(Customer(name: "Ada", tier: "silver"), key: "c-1", to: Topics.customers)
        try engine.run()
        #expect(try engine.read(Outputs.tiers).map(\.value.tier) == ["gold", "silver"])
    }
}

/// The join with a table that has a history, in docs/guide/joins.md.
@Suite struct HistoryExamples {
    struct Job: StreamJob {
        static let name = "rates"
        static let rates = Topic("rates", key: .utf8, value: .double)
        static let sales = Topic("sales", key: .utf8, value: .double)
        static let priced = Topic("priced", key: .utf8, value: .double)

        var topology: [Statement] {
            // begin: joins-history
            let rates = table(Self.rates, store: "rates", history: .seconds(3600))

            stream(Self.sales)
                .join(
                    rates,
                    grace: .seconds(60),
                    store: "held-sales",
                    key: .utf8,
                    value: .double
                ) { (amount: Double, rate: Double) -> Double in amount * rate }
                .to(Self.priced)
            // end: joins-history
        }
    }

    @Test func `a sale has the rate of its own time, come early or late`() throws {
        let engine = try TestEngine(Job(), partitions: 1)
        try engine.send(1.5, key: "usd", to: Job.rates, at: .seconds(100))
        try engine.send(10, key: "usd", to: Job.sales, at: .seconds(150))
        try engine.send(2, key: "usd", to: Job.rates, at: .seconds(200))
        try engine.run()
        try engine.send(1.25, key: "usd", to: Job.rates, at: .seconds(140))
        try engine.send(1, key: "usd", to: Job.sales, at: .seconds(300))
        try engine.run()
        #expect(try engine.read(Job.priced).map(\.value) == [12.5])
    }
}
