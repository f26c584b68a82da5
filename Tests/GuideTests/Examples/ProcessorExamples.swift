import Millrace
import MillraceTestKit
import Testing

/// The examples of docs/guide/processors.md.
@Suite struct ProcessorExamples {
    // begin: processors-timer
    enum Stores {
        static let open = Store.keyValue("open", key: .utf8, value: .int64)
    }

    /// Tells every minute of the records' time which orders are open for more than an hour.
    struct Reminders: Processor {
        let open: KeyValueStore<UTF8Serde, Int64Serde>

        init(_ stores: TaskStores) throws { open = try stores.open(Stores.open) }

        mutating func start(_ context: inout ProcessorContext<String, String>) throws {
            context.schedule("remind", every: .seconds(60), by: .streamTime)
        }

        mutating func process(
            _ id: String,
            _ order: Order,
            _ context: inout ProcessorContext<String, String>
        ) throws {
            // A paid order is no longer open.
            try open.put(id, order.cents == 0 ? nil : context.timestamp.rawValue)
        }

        mutating func fire(
            _ timer: String,
            at time: Timestamp,
            _ context: inout ProcessorContext<String, String>
        ) throws {
            try open.range { (id: String, since: Int64) -> Bool in
                guard time.rawValue - since > 3_600_000 else { return true }
                try context.forward(id, "open since \(since)")
                try open.put(id, nil)
                return true
            }
        }
    }
    // end: processors-timer

    // begin: processors-values
    /// Numbers the orders of each key, and notes the partition in a header.
    struct Numbered: ValueProcessor {
        static let counts = Store.keyValue("numbers", key: .utf8, value: .int64, isOrdered: false)
        let counts: KeyValueStore<UTF8Serde, Int64Serde>

        init(_ stores: TaskStores) throws { counts = try stores.open(Self.counts) }

        mutating func process(
            _ key: String,
            _ order: Order,
            _ context: inout ValueContext<String, Int64>
        ) throws {
            let number = (try counts.get(key) ?? 0) + 1
            try counts.put(key, number)
            context.headers.append(.init("partition", "\(context.partition.rawValue)"))
            try context.forward(number)
        }
    }
    // end: processors-values

    // begin: processors-children
    /// Sorts orders by their value.
    struct Sorter: Processor {
        mutating func process(
            _ key: String,
            _ order: Order,
            _ context: inout ProcessorContext<String, Order>
        ) throws {
            try context.forward(key, order, to: order.cents >= 100_000 ? "large" : "small")
        }
    }
    // end: processors-children

    enum Outputs {
        static let reminders = Topic("reminders", key: .utf8, value: .utf8)
        static let numbers = Topic("numbers", key: .utf8, value: .int64)
        static let large = Topic("large", key: .utf8, value: Order.self)
    }

    struct Job: StreamJob {
        static let name = "processors"

        var topology: [Statement] {
            let orders = stream(Topics.orders)

            // begin: processors-use
            orders
                .process(stores: [Stores.open]) { (stores: TaskStores) -> Reminders in
                    try Reminders(stores)
                }
                .to(Outputs.reminders)

            orders
                .processValues(stores: [Numbered.counts]) { (stores: TaskStores) -> Numbered in
                    try Numbered(stores)
                }
                .to(Outputs.numbers)

            let sorted = orders.process(children: ["large", "small"]) { (_: TaskStores) -> Sorter in
                Sorter()
            }
            sorted["large"].to(Outputs.large)
            // end: processors-use
        }
    }

    @Test func `a reminder comes once, and a paid order gets none`() throws {
        let engine = try TestEngine(Job(), partitions: 1)
        try engine.send(.example("o-1"), key: "o-1", to: Topics.orders, at: .zero)
        try engine.send(.example("o-2"), key: "o-2", to: Topics.orders, at: .seconds(10))
        try engine.send(.example("o-2", cents: 0), key: "o-2", to: Topics.orders, at: .seconds(20))
        try engine.send(.example("o-3"), key: "o-3", to: Topics.orders, at: .seconds(4000))
        try engine.run()
        try engine.crash()
        try engine.send(.example("o-4"), key: "o-4", to: Topics.orders, at: .seconds(4100))
        try engine.run()
        #expect(try engine.read(Outputs.reminders).map(\.key) == ["o-1"])
        #expect(try engine.read(Outputs.numbers).map(\.value) == [1, 1, 2, 1, 1])
        #expect(try engine.read(Outputs.large).isEmpty)
    }
}
