import Millrace

enum Topics {
    static let orders = Topic("orders", key: .utf8, value: Order.self)
    static let payments = Topic("payments", key: .utf8, value: Payment.self)
    static let commands = Topic("saga-template-commands", key: .utf8, value: Command.self)
}

@main
struct SagaTemplate: StreamJob {
    static let name = "saga-template"

    var topology: [Statement] {
        let placed = stream(
            Topics.orders,
            timestamp: { order -> Timestamp in Timestamp(order.time) }
        )
        .mapValues(to: Happening.self) { _ in .placed }
        let paid = stream(
            Topics.payments,
            timestamp: { payment -> Timestamp in Timestamp(payment.time) }
        )
        .mapValues(to: Happening.self) { _ in .paid }

        placed.merge(paid)
            .process(stores: [Stores.orders]) { stores -> OrderSaga in try OrderSaga(stores) }
            .to(Topics.commands)
    }
}
