import Millrace

// begin: shop
/// What a customer ordered.
struct Order: Codable, Equatable, Sendable {
    var id: String
    var customer: String
    var country: String
    var cents: Int64
    /// Milliseconds since 1970.
    var placedAt: Int64
}

/// A row of the table of customers.
struct Customer: Codable, Equatable, Sendable {
    var name: String
    var tier: String
}

/// The topics, each with how its keys and values are written.
enum Topics {
    static let orders = Topic("orders", key: .utf8, value: Order.self)
    static let customers = Topic("customers", key: .utf8, value: Customer.self)
}
// end: shop

extension Order {
    /// An order as the examples' tests send it; `second` counts from 1970.
    static func example(
        _ id: String,
        customer: String = "c-1",
        country: String = "de",
        cents: Int64 = 500,
        second: Int64 = 0
    ) -> Order {
        Order(
            id: id,
            customer: customer,
            country: country,
            cents: cents,
            placedAt: second * 1000
        )
    }
}
