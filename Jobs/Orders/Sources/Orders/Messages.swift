import Millrace

/// What an order's steps want of the warehouse, by the article.
@Sendable
func moves(of order: String, step: OrderStep) -> [(String, StockMove)] {
    switch step.action {
    case .reserve(let what): [(what.article, StockMove(order: order, quantity: what.quantity))]
    case .release(let what): [(what.article, StockMove(order: nil, quantity: what.quantity))]
    case .decide: []
    }
}

/// What was decided, as an event. Its id is the same at every try.
@Sendable
func decisions(of order: String, step: OrderStep) -> [(String, Event<Decision>)] {
    guard case .decide(let outcome, let cents) = step.action else { return [] }
    let event = Event(
        id: "\(order)/\(outcome.rawValue)/\(step.time.rawValue)",
        type: "order-decided",
        occurredAt: step.time,
        correlationID: order,
        data: Decision(outcome: outcome, cents: cents)
    )
    return [(order, event)]
}

/// The warehouse's answers, by the order.
@Sendable
func answers(of article: String, news: StockNews) -> [(String, Bool)] {
    guard case .answer(let order, let isReserved) = news else { return [] }
    return [(order, isReserved)]
}

/// The levels of an article.
@Sendable
func levels(of article: String, news: StockNews) -> [(String, Int64)] {
    guard case .level(let level) = news else { return [] }
    return [(article, level)]
}

/// Says with each answer what time it is: that of the records, so that it does not depend on how
/// long the answer took.
struct AnswerTimes: ValueProcessor {
    init(_ stores: TaskStores) {}

    mutating func process(
        _ order: String,
        _ isReserved: Bool,
        _ context: inout ValueContext<String, OrderEvent>
    ) throws {
        let now = context.streamTime ?? context.timestamp
        try context.forward(isReserved ? .reserved(now: now.rawValue) : .refused)
    }
}
