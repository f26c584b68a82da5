import Millrace
import MillraceTestKit

@testable import Orders

/// The job over empty topics, and its events in short words.
struct Shop {
    let engine: TestEngine<Orders>

    /// Where the virtual clock begins: retention would take older records.
    static let start = Duration.seconds(1_767_225_600)

    init(bank: Bank = .generous, partitions: Int = 1, seed: UInt64 = 1) throws {
        var job = Orders()
        job.bank = bank
        engine = try TestEngine(job, partitions: partitions, seed: seed)
    }

    private func event<Payload>(
        _ id: String,
        _ type: String,
        version: Int = 1,
        second: Int64,
        _ data: Payload
    ) -> Event<Payload> {
        Event(
            id: id,
            type: type,
            version: version,
            occurredAt: Timestamp((1_767_225_600 + second) * 1000),
            data: data
        )
    }

    func place(_ id: String, _ article: String, _ quantity: Int64, second: Int64 = 0) throws {
        let order = Order(article: article, quantity: quantity, cents: 100 * quantity)
        let event = event("placed-\(id)", "order-placed", version: 2, second: second, order)
        try engine.send(event, key: id, to: Topics.orders, at: Self.start + .seconds(second))
    }

    func pay(_ id: String, cents: Int64 = 100, second: Int64) throws {
        let event = event("paid-\(id)", "order-paid", second: second, Payment(cents: cents))
        try engine.send(event, key: id, to: Topics.payments, at: Self.start + .seconds(second))
    }

    func deliver(_ article: String, _ quantity: Int64, second: Int64 = 0) throws {
        let delivery = Delivery(quantity: quantity)
        let event = event("in-\(article)-\(second)", "goods-delivered", second: second, delivery)
        try engine.send(
            event,
            key: article,
            to: Topics.deliveries,
            at: Self.start + .seconds(second)
        )
    }

    /// The decisions that were not read before, by order.
    func outcomes() throws -> [String: [Outcome]] {
        var outcomes: [String: [Outcome]] = [:]
        for (order, event) in try engine.read(Topics.decisions) {
            outcomes[order, default: []].append(event.data.outcome)
        }
        return outcomes
    }
}
