import Millrace

/// What the desk wants done for an order, and when it came to want it.
struct OrderStep: Sendable {
    var action: OrderAction
    var time: Timestamp
}

/// Leads the orders through their states. Two desks share the store: one takes what comes from
/// outside and looks for orders that wait too long, the other takes the warehouse's answers. They
/// are two because the answers come of what the first one sends.
struct OrderDesk: Processor {
    static let store = Store.keyValue("orders", key: .utf8, value: .json(OrderState.self))

    private let orders: KeyValueStore<UTF8Serde, JSONSerde<OrderState>>
    private let watchesTime: Bool

    init(_ stores: TaskStores, watchesTime: Bool) throws {
        orders = try stores.open(Self.store)
        self.watchesTime = watchesTime
    }

    mutating func start(_ context: inout ProcessorContext<String, OrderStep>) throws {
        guard watchesTime else { return }
        context.schedule("orders that wait", every: .seconds(60), by: .streamTime)
    }

    mutating func process(
        _ id: String,
        _ event: OrderEvent,
        _ context: inout ProcessorContext<String, OrderStep>
    ) throws {
        try take(event, of: id, knowing: orders.get(id), &context)
    }

    mutating func fire(
        _ timer: String,
        at time: Timestamp,
        _ context: inout ProcessorContext<String, OrderStep>
    ) throws {
        let now = time.rawValue
        try orders.range { (id: String, state: OrderState) -> Bool in
            if now - state.since > OrderState.memory {
                try orders.put(id, nil)
            } else {
                try take(.timePassed(now: now), of: id, knowing: state, &context)
            }
            return true
        }
    }

    private func take(
        _ event: OrderEvent,
        of id: String,
        knowing known: OrderState?,
        _ context: inout ProcessorContext<String, OrderStep>
    ) throws {
        let (state, actions) = OrderState.after(known, event)
        if state != known { try orders.put(id, state) }
        for action in actions {
            try context.forward(id, OrderStep(action: action, time: context.timestamp))
        }
    }
}
