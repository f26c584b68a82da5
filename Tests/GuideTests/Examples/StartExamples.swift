import Millrace
import MillraceTestKit
import Testing

enum Start {
    // begin: start-job
    enum Topics {
        static let lines = Topic("lines", value: .utf8)
        static let counts = Topic("word-counts", key: .utf8, value: .int64)
    }

    struct WordCount: StreamJob {
        static let name = "word-count"

        var topology: [Statement] {
            stream(Topics.lines)
                .flatMapValues { (line: String) -> [String] in
                    line.lowercased().split { !$0.isLetter }.map(String.init)
                }
                .groupBy({ $0 }, via: "by-word", key: .utf8)
                .count(store: "counts")
                .to(Topics.counts)
        }
    }
    // end: start-job

    // begin: start-test
    @Test static func `each word is counted`() throws {
        let engine = try TestEngine(WordCount(), partitions: 2)
        try engine.send("a rose is a rose", to: Topics.lines)
        try engine.run()
        let counts = try engine.read(Topics.counts)
        #expect(counts.filter { $0.key == "rose" }.map(\.value) == [1, 2])
    }
    // end: start-test
}

enum ShopTopics {
    static let paid = Topic("paid", key: .utf8, value: Order.self)
    static let counts = Topic("order-counts", key: .utf8, value: .int64)
    static let hourly = Topic(
        "hourly-counts",
        key: .windowed(.utf8, size: .seconds(3600)),
        value: .int64
    )
}

// begin: start-split
struct Shop: StreamJob {
    static let name = "shop"

    var topology: [Statement] {
        let paid = stream(Topics.orders).filter { (order: Order) -> Bool in order.cents > 0 }
        paid.to(ShopTopics.paid)
        counts(of: paid)
    }
}

/// In a file of its own.
extension Shop {
    @TopologyBuilder
    func counts(of orders: KeyedStream<String, Order, ByKey>) -> [Statement] {
        let byCustomer = orders.groupBy(\.customer, via: "by-customer", key: .utf8)
        byCustomer.count(store: "orders").to(ShopTopics.counts)
        byCustomer
            .windowed(by: .tumbling(.seconds(3600)))
            .count(store: "hourly", emit: .onClose)
            .to(ShopTopics.hourly)
    }
}
// end: start-split

// begin: start-serde
/// Cents as decimal text.
struct CentsSerde: Serde {
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> Int64 {
        guard let cents = Int64(String(decoding: bytes, as: UTF8.self)) else {
            throw SerdeError("it is no number of cents")
        }
        return cents
    }

    func encode(_ cents: Int64, into sink: inout ByteSink) throws { sink.append(utf8: "\(cents)") }
}

enum Priced {
    static let prices = Topic("prices", key: .utf8, value: CentsSerde())
    /// The changes of a table: a removal has no value.
    static let newest = Topic("newest", key: .utf8, value: .optional(.json(Order.self)))
}
// end: start-serde
