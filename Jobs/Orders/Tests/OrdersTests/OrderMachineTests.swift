import Testing

@testable import Orders

/// The states of an order, as values.
@Suite struct OrderMachineTests {
    private let order = Order(article: "tea", quantity: 2, cents: 500)
    private static let minute: Int64 = 60_000

    /// The last state and everything that was to be done.
    private func run(_ events: [OrderEvent]) -> (step: OrderState.Step?, actions: [OrderAction]) {
        var state: OrderState?
        var all: [OrderAction] = []
        for event in events {
            let (next, actions) = OrderState.after(state, event)
            state = next
            all += actions
        }
        return (state?.step, all)
    }

    @Test func `an order whose goods are reserved ships when it is paid`() {
        let result = run([
            .placed(order, at: 0), .reserved(now: 0), .paid(cents: 500, at: Self.minute),
        ])
        #expect(result.step == .shipped)
        #expect(result.actions == [.reserve(order), .decide(.shipped, cents: 500)])
    }

    @Test func `the payment may come before the answer, and before the order`() {
        for events: [OrderEvent] in [
            [.placed(order, at: 0), .paid(cents: 500, at: 1), .reserved(now: 1)],
            [.paid(cents: 500, at: 0), .placed(order, at: 1), .reserved(now: 1)],
        ] {
            let result = run(events)
            #expect(result.step == .shipped)
            #expect(result.actions == [.reserve(order), .decide(.shipped, cents: 500)])
        }
    }

    @Test func `an order without goods is rejected, and its money goes back once`() {
        let result = run([
            .placed(order, at: 0), .paid(cents: 500, at: 1), .refused, .refused,
        ])
        #expect(result.step == .rejected)
        #expect(
            result.actions == [
                .reserve(order), .decide(.rejected, cents: 0), .decide(.refunded, cents: 500),
            ]
        )
    }

    @Test func `an order that nobody pays is cancelled, and its goods come back`() {
        let limit = 15 * Self.minute
        let waits = run([.placed(order, at: 0), .reserved(now: 0), .timePassed(now: limit)])
        #expect(waits.step == .reserved)
        let expected: [OrderAction] = [
            .reserve(order), .release(order), .decide(.cancelled, cents: 0),
        ]
        let ended = run([.placed(order, at: 0), .reserved(now: 0), .timePassed(now: limit + 1)])
        #expect(ended.actions == expected)
        let answeredLate = run([.placed(order, at: 0), .reserved(now: limit + 1)])
        #expect(answeredLate.actions == expected)
    }

    @Test func `a late payment goes back, whatever it meets`() {
        let late = OrderEvent.paid(cents: 500, at: 15 * Self.minute + 1)
        for first: [OrderEvent] in [
            [.placed(order, at: 0)], [.placed(order, at: 0), .reserved(now: 0)],
            [.placed(order, at: 0), .refused],
            [.placed(order, at: 0), .reserved(now: 0), .timePassed(now: 16 * Self.minute)],
        ] {
            #expect(run(first + [late]).actions.last == .decide(.refunded, cents: 500))
        }
    }

    @Test func `what comes again changes nothing`() {
        let once: [OrderEvent] = [.placed(order, at: 0), .reserved(now: 0)]
        let twice: [OrderEvent] = once.flatMap { [$0, $0] }
        #expect(run(twice).step == .reserved)
        #expect(run(twice).actions == [.reserve(order)])
    }
}
