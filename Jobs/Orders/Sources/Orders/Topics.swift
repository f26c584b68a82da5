import Millrace

/// An order, by its id.
struct Order: Codable, Equatable, Sendable {
    var article: String
    var quantity: Int64
    var cents: Int64
}

/// An order as it was written before it had a price in cents.
struct OldOrder: Codable, Sendable {
    var article: String
    var quantity: Int64
    /// In whole euros.
    var price: Int64
}

/// The order that an old one is.
@Sendable
private func inCents(_ old: OldOrder) throws -> Order {
    let (cents, isTooLarge) = old.price.multipliedReportingOverflow(by: 100)
    guard !isTooLarge else { throw SerdeError("a price of \(old.price) euros is too large") }
    return Order(article: old.article, quantity: old.quantity, cents: cents)
}

/// Goods that came into the warehouse, by the article.
struct Delivery: Codable, Equatable, Sendable {
    var quantity: Int64
}

/// The payment of an order, by the order's id.
struct Payment: Codable, Equatable, Sendable {
    var cents: Int64
}

/// What was decided of an order.
struct Decision: Codable, Equatable, Sendable {
    var outcome: Outcome
    var cents: Int64
}

/// How an order ends, or what is done with money that came too late.
enum Outcome: String, Codable, Sendable {
    case shipped
    case rejected
    case cancelled
    case refunded
}

/// The topics from outside and to the outside: events in their envelope.
enum Topics {
    static let orders = Topic(
        "orders",
        key: .utf8,
        value: .event(
            Order.self,
            type: "order-placed",
            version: 2,
            upcasting: [
                .from(1, OldOrder.self, inCents)
            ]
        )
    )
    static let deliveries = Topic(
        "deliveries",
        key: .utf8,
        value: .event(Delivery.self, type: "goods-delivered")
    )
    static let payments = Topic(
        "payments",
        key: .utf8,
        value: .event(Payment.self, type: "order-paid")
    )
    static let decisions = Topic(
        "order-decisions",
        key: .utf8,
        value: .event(Decision.self, type: "order-decided")
    )
    static let stock = Topic("stock", key: .utf8, value: .int64)
}
