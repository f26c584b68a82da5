import Millrace

/// Takes orders, reserves their goods, waits for their payment, and ships, rejects or cancels them.
///
/// Orders lie by their id, stock by its article. So the two talk by topics of the job:
/// `reservations` and `releases` to the warehouse, `answers` back. All of it, with the stores, the
/// decisions and the dead letters, commits in one transaction.
@main
struct Orders: StreamJob {
    static let name = "orders"

    var bank = Bank.generous

    /// What no one can read is a dead letter, as it came.
    var errorPolicies: ErrorPolicies { ErrorPolicies(decode: .deadLetter, process: .deadLetter) }

    var topology: [Statement] {
        let outside = placed.merge(paid)
        let first = outside.process(stores: [OrderDesk.store]) {
            (stores: TaskStores) -> OrderDesk in try OrderDesk(stores, watchesTime: true)
        }

        let reserving = first.flatMap(moves).repartition("reservations", key: .utf8)
            .process(stores: [Warehouse.store]) { (stores: TaskStores) -> Warehouse in
                try Warehouse(stores)
            }

        let answered = reserving.flatMap(answers)
            .repartition("answers", key: .utf8, value: .json(Bool.self))
            .processValues(AnswerTimes.init)
            .process(stores: [OrderDesk.store]) { (stores: TaskStores) -> OrderDesk in
                try OrderDesk(stores, watchesTime: false)
            }

        let returning = answered.flatMap(moves).repartition("releases", key: .utf8)
            .merge(delivered)
            .process(stores: [Warehouse.store]) { (stores: TaskStores) -> Warehouse in
                try Warehouse(stores)
            }

        first.merge(answered).flatMap(decisions).to(Topics.decisions)
        reserving.merge(returning).flatMap(levels).to(Topics.stock)
    }

    /// Whoever places an order may send it again within a day.
    private var placed: Stream<String, OrderEvent> {
        stream(Topics.orders, timestamp: { (event: Event<Order>) -> Timestamp in event.occurredAt })
            .deduplicated(by: \.id, within: .seconds(86_400), store: "seen-orders")
            .mapValues(to: Event<Order>.self, acceptedOrder)
            .mapValues(to: OrderEvent.self) { (event: Event<Order>) -> OrderEvent in
                .placed(event.data, at: event.occurredAt.rawValue)
            }
    }

    /// A bank that is out of reach is asked again. Where it stays so, later payments of the order
    /// wait among the dead letters too.
    private var paid: Stream<String, OrderEvent> {
        let bank = bank
        let time = { @Sendable (event: Event<Payment>) -> Timestamp in event.occurredAt }
        return stream(Topics.payments, timestamp: time)
            .deduplicated(by: \.id, within: .seconds(86_400), store: "seen-payments")
            .mapValuesWithKey { (order: String, event: Event<Payment>) throws -> OrderEvent in
                try bank.take(order, event.data)
                return .paid(cents: event.data.cents, at: event.occurredAt.rawValue)
            }
            .onError(
                .deadLetter(
                    retry: .exponential(from: .milliseconds(100), attempts: 4),
                    ordering: .holdKey
                )
            )
    }

    private var delivered: Stream<String, StockMove> {
        let time = { @Sendable (event: Event<Delivery>) -> Timestamp in event.occurredAt }
        return stream(Topics.deliveries, timestamp: time)
            .deduplicated(by: \.id, within: .seconds(86_400), store: "seen-deliveries")
            .mapValues(to: StockMove.self, acceptedDelivery)
    }
}
