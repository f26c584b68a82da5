import Millrace

/// What is kept of an order.
struct OrderState: Codable, Sendable {
    var step: Step
    /// The time of the first record about it, in milliseconds since 1970.
    var since: Int64
}

enum Stores {
    static let orders = Store.keyValue("orders", key: .utf8, value: .json(OrderState.self))
}

/// Leads every order through its steps, and ends those that take too long. The steps are a machine
/// of plain values; this keeps them in a store, which commits with what is written.
struct OrderSaga: Processor {
    private let orders: KeyValueStore<UTF8Serde, JSONSerde<OrderState>>

    static let patience: Int64 = 15 * 60 * 1000
    static let memory: Int64 = 24 * 60 * 60 * 1000

    init(_ stores: TaskStores) throws { orders = try stores.open(Stores.orders) }

    mutating func start(_ context: inout ProcessorContext<String, Command>) throws {
        context.schedule("look for late orders", every: .seconds(60), by: .streamTime)
    }

    mutating func process(
        _ id: String,
        _ happening: Happening,
        _ context: inout ProcessorContext<String, Command>
    ) throws {
        let known = try orders.get(id)
        guard let (step, command) = Step.after(known?.step, happening) else { return }
        let since = known?.since ?? context.timestamp.rawValue
        try orders.put(id, OrderState(step: step, since: since))
        if let command { try context.forward(id, command) }
    }

    /// Cancels orders that nobody pays, and forgets those of yesterday.
    mutating func fire(
        _ timer: String,
        at time: Timestamp,
        _ context: inout ProcessorContext<String, Command>
    ) throws {
        let now = time.rawValue
        try orders.range { id, order in
            if now - order.since >= Self.memory {
                try orders.put(id, nil)
            } else if now - order.since >= Self.patience,
                let (step, command) = Step.after(order.step, .timedOut)
            {
                try orders.put(id, OrderState(step: step, since: order.since))
                if let command { try context.forward(id, command) }
            }
            return true
        }
    }
}
