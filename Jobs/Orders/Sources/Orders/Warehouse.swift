import Millrace

/// What is to change of an article's stock.
struct StockMove: Codable, Equatable, Sendable {
    /// The order that goods are reserved for; nil where goods come in or come back.
    var order: String?
    var quantity: Int64
}

/// What the warehouse says of an article.
enum StockNews: Sendable {
    case answer(order: String, isReserved: Bool)
    case level(Int64)
}

/// Keeps how much of each article can be reserved. Two share the store, for the second one takes
/// what comes back because of the first one's answers.
struct Warehouse: Processor {
    static let store = Store.keyValue("stock", key: .utf8, value: .int64, isOrdered: false)

    private let stock: KeyValueStore<UTF8Serde, Int64Serde>

    init(_ stores: TaskStores) throws { stock = try stores.open(Self.store) }

    mutating func process(
        _ article: String,
        _ move: StockMove,
        _ context: inout ProcessorContext<String, StockNews>
    ) throws {
        let level = try stock.get(article) ?? 0
        if let order = move.order {
            let isReserved = move.quantity <= level
            if isReserved {
                try stock.put(article, level - move.quantity)
                try context.forward(article, .level(level - move.quantity))
            }
            return try context.forward(article, .answer(order: order, isReserved: isReserved))
        }
        let (sum, isTooLarge) = level.addingReportingOverflow(move.quantity)
        guard !isTooLarge else { throw Refusal(.stock, "\(article): more than can be counted") }
        try stock.put(article, sum)
        try context.forward(article, .level(sum))
    }
}
