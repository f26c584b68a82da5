/// What is kept of an order: plain values, and what each event makes of them.
///
///     (new) ─placed─▶ reserving ─reserved─▶ reserved ─paid─▶ shipped
///                         │                     └─late─▶ cancelled
///                         ├─refused─▶ rejected
///                         └─paid─▶ reservingPaid ─reserved─▶ shipped
///                                        └─refused─▶ rejected, the money goes back
///     (new) ─paid─▶ paidFirst ─placed─▶ reservingPaid
///
/// A payment behind the time limit goes back at once, whatever the order: so the outcome depends on
/// the times of the events, not on which of two topics is read first.
struct OrderState: Codable, Equatable, Sendable {
    enum Step: String, Codable, Sendable {
        case paidFirst
        case reserving
        case reservingPaid
        case reserved
        case shipped
        case rejected
        case cancelled
    }

    var step: Step
    /// Nil until it is placed.
    var order: Order?
    /// When it was placed or, till then, paid, in milliseconds since 1970.
    var since: Int64
    /// What was paid and not given back.
    var paid: Int64 = 0

    /// How long an order waits for its payment, in milliseconds.
    static let patience: Int64 = 15 * 60 * 1000
    /// How long it is remembered, so that copies and late payments find it.
    static let memory: Int64 = 7 * 24 * 60 * 60 * 1000
}

/// What happens to an order, with its time in milliseconds since 1970.
enum OrderEvent: Equatable, Sendable {
    case placed(Order, at: Int64)
    case paid(cents: Int64, at: Int64)
    case reserved(now: Int64)
    case refused
    case timePassed(now: Int64)
}

/// What is to be done for an order.
enum OrderAction: Equatable, Sendable {
    case reserve(Order)
    case release(Order)
    case decide(Outcome, cents: Int64)
}

extension OrderState {
    /// The state after an event, and what is to be done. An event that changes nothing, as one that
    /// comes again, leads to the same state and no action.
    static func after(
        _ state: OrderState?,
        _ event: OrderEvent
    ) -> (state: OrderState?, actions: [OrderAction]) {
        guard var state else { return begin(event) }
        switch event {
        case .placed(let order, let time): return state.placed(order, at: time)
        case .paid(let cents, let time): return state.paid(cents, at: time)
        case .reserved(let now): return state.reserved(now)
        case .refused:
            guard state.step == .reserving || state.step == .reservingPaid else { break }
            state.step = .rejected
            let back = state.giveBack()
            return (state, [.decide(.rejected, cents: 0)] + back)
        case .timePassed(let now):
            guard now - state.since > patience else { break }
            switch state.step {
            case .reserved: return state.cancelled()
            case .paidFirst:
                state.step = .cancelled
                let back = state.giveBack()
                return (state, back)
            case .reserving, .reservingPaid, .shipped, .rejected, .cancelled: break
            }
        }
        return (state, [])
    }

    private static func begin(_ event: OrderEvent) -> (OrderState?, [OrderAction]) {
        switch event {
        case .placed(let order, let time):
            (OrderState(step: .reserving, order: order, since: time), [.reserve(order)])
        case .paid(let cents, let time):
            (OrderState(step: .paidFirst, order: nil, since: time, paid: cents), [])
        case .reserved, .refused, .timePassed: (nil, [])
        }
    }

    private func placed(_ order: Order, at time: Int64) -> (OrderState?, [OrderAction]) {
        guard step == .paidFirst else { return (self, []) }
        var state = OrderState(step: .reservingPaid, order: order, since: time, paid: paid)
        guard since - time > Self.patience else { return (state, [.reserve(order)]) }
        state.step = .reserving
        let back = state.giveBack()
        return (state, [.reserve(order)] + back)
    }

    private mutating func paid(_ cents: Int64, at time: Int64) -> (OrderState?, [OrderAction]) {
        let isLate = time - since > Self.patience
        switch step {
        case .reserving where !isLate:
            step = .reservingPaid
            paid = cents
            return (self, [])
        case .reserved where !isLate:
            step = .shipped
            paid = cents
            return (self, [.decide(.shipped, cents: cents)])
        case .reserving, .reserved, .rejected, .cancelled, .paidFirst, .reservingPaid, .shipped:
            return (self, [.decide(.refunded, cents: cents)])
        }
    }

    private mutating func reserved(_ now: Int64) -> (OrderState?, [OrderAction]) {
        switch step {
        case .reservingPaid:
            step = .shipped
            return (self, [.decide(.shipped, cents: paid)])
        case .reserving:
            guard now - since <= Self.patience else { return cancelled() }
            step = .reserved
            return (self, [])
        case .paidFirst, .reserved, .shipped, .rejected, .cancelled: return (self, [])
        }
    }

    private func cancelled() -> (OrderState?, [OrderAction]) {
        var state = self
        state.step = .cancelled
        return (state, (order.map { [.release($0)] } ?? []) + [.decide(.cancelled, cents: 0)])
    }

    private mutating func giveBack() -> [OrderAction] {
        guard paid > 0 else { return [] }
        defer { paid = 0 }
        return [.decide(.refunded, cents: paid)]
    }
}
