import Millrace

/// What a customer ordered.
struct Order: Codable, Sendable {
    var id: String
    var customer: String
    var cents: Int64
}

/// A row of the table of customers, by the customer's id.
struct Customer: Codable, Sendable {
    var name: String
    var tier: String
}

/// An order with what was known of its customer when it came.
struct EnrichedOrder: Codable, Equatable, Sendable {
    var id: String
    var cents: Int64
    var name: String?
    var tier: String?
}

enum Topics {
    static let orders = Topic("orders", value: Order.self)
    static let customers = Topic("customers", key: .utf8, value: Customer.self)
    static let enriched = Topic("join-template-enriched", key: .utf8, value: EnrichedOrder.self)
}

@main
struct JoinTemplate: StreamJob {
    static let name = "join-template"

    var topology: [Statement] {
        let customers = table(Topics.customers, store: "customers")

        // A join finds rows of its own partition: the orders go to that of their customer.
        stream(Topics.orders)
            .selectKey(\.customer)
            .repartition("by-customer", key: .utf8)
            .leftJoin(customers) { (order: Order, customer: Customer?) -> EnrichedOrder in
                EnrichedOrder(
                    id: order.id,
                    cents: order.cents,
                    name: customer?.name,
                    tier: customer?.tier
                )
            }
            .to(Topics.enriched)
    }
}
