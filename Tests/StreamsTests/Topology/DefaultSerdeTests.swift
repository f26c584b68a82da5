import Streams
import Testing

@Suite("Serdes that nobody named")
struct DefaultSerdeTests {
    struct Order: Codable, Hashable, Sendable {
        var customer: String
        var cents: Int64
    }

    struct Visit: JSONRecord, Codable {
        var page: String
        init(json: inout JSONObject) throws { page = try json.string("page") }
        func write(to json: inout JSONWriter) { json.member("page", page) }
    }

    private func name<Key, Value>(_ topic: Topic<Key, Value>) -> String {
        "\(Key.name), \(Value.name)"
    }

    @Test func `a topic takes the serdes of its types`() {
        #expect(name(Topic("t", key: String.self, value: Order.self)) == "utf8, json Order")
        #expect(name(Topic("t", key: Order.self, value: Int64.self)) == "json Order, int64")
        #expect(name(Topic("t", key: Order.self, value: Order.self)) == "json Order, json Order")
        #expect(name(Topic("t", key: [UInt8].self, value: Double.self)) == "bytes, double")
        #expect(name(Topic("t", key: String.self, value: Visit.self)) == "utf8, json Visit")
        #expect(name(Topic("t", value: [String: Order].self)).hasPrefix("ignored, json Dictionary"))
        #expect(name(Topic("t", key: .utf8, value: Order.self)) == "utf8, json Order")
        #expect(name(Topic("t", key: Order.self, value: .int64)) == "json Order, int64")
        #expect(name(Topic("t", key: .ignored, value: String.self)) == "ignored, utf8")
        #expect(name(Topic("t", key: Int64.self, value: .bytes)) == "int64, bytes")
        #expect(name(Topic("t", value: String?.self)) == "ignored, optional utf8")
    }

    private struct Totals: StreamJob {
        static let name = "totals"
        var topology: [Statement] {
            let orders = stream(Topic("orders", key: String.self, value: Order.self))
            orders
                .groupByKey()
                .aggregate(store: "by-id", initial: Order(customer: "", cents: 0)) {
                    $0.cents += $1.cents
                }
            orders
                .groupBy({ $0.customer }, via: "by-customer")
                .reduce(store: "last") { _, new in new }
            orders
                .groupBy({ $0 }, via: "by-order", key: .json(Order.self))
                .count(store: "same")
                .to(Topic("same", key: Order.self, value: Int64.self))
            orders.mapValues(\.customer)
                .groupBy({ Order(customer: $0, cents: 0) }, via: "by-new-order")
                .count(store: "new")
            orders.mapValues(\.customer)
                .groupBy({ $0 }, via: "by-text")
                .reduce(store: "text") { $0 + $1 }
            orders.selectKey { $0 }.repartition("whole").to(
                Topic("w", key: Order.self, value: Order.self)
            )
            orders.selectKey(\.cents).repartition("cents").groupByKey().count(store: "cents")
        }
    }

    @Test func `operators take the serdes of their types`() throws {
        let topology = try Topology(of: Totals())
        #expect(topology.specification.subtopologies.count == 7)
    }

    @Test func `an optional type's nil is a null record`() throws {
        let serde = Topic("t", value: Order?.self).value
        #expect(serde.isNull(nil))
        #expect(!serde.isNull(Order(customer: "", cents: 0)))
        #expect(try serde.decodeNull() == nil)
        #expect(throws: SerdeError.self) { try JSONSerde<Order>().decodeNull() }
    }
}
