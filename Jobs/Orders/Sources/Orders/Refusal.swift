import Millrace

/// Why an event is not acted on; the reason stands in the headers of its dead letter.
struct Refusal: DeadLetterReason, CustomStringConvertible {
    enum Reason: String, Sendable {
        case order = "refused-order"
        case payment = "refused-payment"
        case stock = "refused-delivery"
    }

    let reason: Reason
    let description: String

    init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }

    var deadLetterReason: String { reason.rawValue }
}

@Sendable
func acceptedOrder(_ event: Event<Order>) throws -> Event<Order> {
    guard event.data.quantity > 0, event.data.cents >= 0 else {
        throw Refusal(.order, "\(event.id): \(event.data.quantity) for \(event.data.cents) cents")
    }
    return event
}

@Sendable
func acceptedDelivery(_ event: Event<Delivery>) throws -> StockMove {
    guard event.data.quantity > 0 else {
        throw Refusal(.stock, "\(event.id): \(event.data.quantity) were delivered")
    }
    return StockMove(order: nil, quantity: event.data.quantity)
}

/// Takes the money of a payment; throws where the bank does not give it.
struct Bank: Sendable {
    var take: @Sendable (_ order: String, _ payment: Payment) throws -> Void

    /// A bank that gives every amount there is.
    static let generous = Bank { order, payment in
        guard payment.cents > 0 else {
            throw Refusal(.payment, "\(order): \(payment.cents) cents")
        }
    }
}
