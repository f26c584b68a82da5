import Streams

/// The topologies of the DSL vectors, by the id that is their file's name. A file whose id is not
/// here is about something that does not exist yet.
struct DSLTopologies: StreamJob {
    static let name = "golden"

    typealias Text = OptionalSerde<UTF8Serde>
    typealias Number = OptionalSerde<Int64Serde>

    static let text = Text(.utf8)
    static let number = Number(.int64)
    static let texts = Topic("in", key: text, value: text)
    static let numbers = Topic("in", key: text, value: number)
    static let textOut = Topic("out", key: text, value: text)
    static let numberOut = Topic("out", key: text, value: number)
    static let countOut = Topic("out", key: text, value: .int64)

    let id: String
    /// The parameters of a case, durations in milliseconds.
    let parameters: [String: Int64]

    init() { self.init(id: "", parameters: [:]) }
    init(id: String, parameters: [String: Int64]) {
        self.id = id
        self.parameters = parameters
    }

    var topology: [Statement] { statements ?? [] }

    /// The statements of this id; nil for one that is not known.
    var statements: [Statement]? {
        let families: [(DSLTopologies) -> [Statement]?] = [
            \.aggregations, \.stateless, \.branching, \.tables, \.tableTransforms, \.tableJoins,
            \.streamTableJoins, \.timeWindowed, \.sessionWindowed, \.slidingWindowed,
            \.suppressed, \.cogrouped, \.streamJoins, \.versioned, \.foreignKeyJoins, \.globalJoins,
            \.extracted, \.processed,
        ]
        for family in families {
            if let statements = family(self) { return statements }
        }
        return nil
    }

    private var aggregations: [Statement]? {
        let texts = stream(Self.texts)
        let grouped = texts.groupByKey(key: Self.text)
        switch id {
        case "agg-count": return [grouped.count(store: "store").to(Self.countOut)]
        case "error-deserialization-continue":
            return [
                stream(Self.numbers).groupByKey(key: Self.text).count(store: "store")
                    .to(Self.countOut)
            ]
        case "agg-reduce":
            let table = grouped.reduce(store: "store", value: Self.text) { old, new -> String? in
                "\(old ?? ""),\(new ?? "")"
            }
            return [table.to(Self.textOut)]
        case "agg-aggregate":
            let table = grouped.aggregate(
                store: "store",
                initial: "" as String?,
                value: Self.text
            ) { aggregate, value in
                let value = value ?? ""
                aggregate = value.hasPrefix("d") ? nil : "\(aggregate ?? "")+\(value)"
            }
            return [table.to(Self.textOut)]
        case "agg-groupby-count":
            let grouped = stream(Self.numbers).groupBy(
                { value -> String? in value.map { "p\(abs($0) % 3)" } },
                via: "g",
                key: Self.text,
                value: Self.number
            )
            return [grouped.count(store: "store").to(Self.countOut)]
        case "agg-word-count":
            let words = texts.flatMapValues { line -> [String] in
                (line ?? "").split(separator: " ").map(String.init)
            }
            let table = words.groupBy({ $0 }, via: "words", key: .utf8).count(store: "store")
            return [table.to(Topic("out", key: .utf8, value: .int64))]
        default: return nil
        }
    }

    private var stateless: [Statement]? {
        let numbers = stream(Self.numbers)
        switch id {
        case "stateless-filter": return [numbers.filter(Self.isEven).to(Self.numberOut)]
        case "stateless-filter-not": return [numbers.filterNot(Self.isEven).to(Self.numberOut)]
        case "stateless-flat-map":
            let results = numbers.flatMap { key, value -> [(String?, Int64?)] in
                (0..<Self.resultCount(of: value)).map { index in
                    ("\(key ?? "null")\(index)", value.map { $0 + Int64(index) })
                }
            }
            return [results.to(Self.numberOut)]
        case "stateless-flat-map-values":
            let results = numbers.flatMapValuesWithKey { key, value -> [String?] in
                (0..<Self.resultCount(of: value)).map {
                    "\(key ?? "null"):\(value.map(String.init) ?? "null"):\($0)"
                }
            }
            return [results.to(Self.textOut)]
        case "stateless-map":
            let results = numbers.map { key, value -> (String?, Int64?) in
                ("\(key ?? "null")'", value.map { $0 * 10 })
            }
            return [results.to(Self.numberOut)]
        case "stateless-map-values":
            let results = stream(Self.texts).mapValuesWithKey { key, value -> String? in
                "\(key ?? "null")=\(value ?? "null")"
            }
            return [results.to(Self.textOut)]
        case "stateless-select-key":
            return [numbers.selectKey(Self.remainderKey).to(Self.numberOut)]
        case "stateless-repartition":
            let results = numbers.selectKey(Self.remainderKey)
                .repartition("rp", key: Self.text, value: Self.number)
                .mapValuesWithKey { key, value -> String? in
                    value.map { "\(key ?? "null")/\($0)" } ?? "none"
                }
            return [results.to(Self.textOut)]
        default: return nil
        }
    }

    private var branching: [Statement]? {
        switch id {
        case "stateless-merge":
            let x = stream(Topic("x", key: Self.text, value: Self.text))
            let y = stream(Topic("y", key: Self.text, value: Self.text))
            return [x.merge(y).to(Self.textOut)]
        case "stateless-branch-default", "stateless-branch-no-default":
            let parts = stream(Self.numbers).branch(Self.isEven, { ($0 ?? 0) > 20 })
            let named = [
                parts[0].to(Topic("even", key: Self.text, value: Self.number)),
                parts[1].to(Topic("big", key: Self.text, value: Self.number)),
            ]
            guard id == "stateless-branch-default" else { return named }
            return named + [parts.other.to(Topic("other", key: Self.text, value: Self.number))]
        case "stateless-peek-chain":
            let chain = stream(Self.texts)
                .mapValues { value -> String? in value.map { $0 + "1" } }
                .peek { _, _ in }
                .mapValues { value -> String? in value.map { $0 + "2" } }
            return [
                chain.to(Topic("out1", key: Self.text, value: Self.text)),
                chain.filter { $0 != nil }.to(Topic("out2", key: Self.text, value: Self.text)),
            ]
        default: return nil
        }
    }

    private var tables: [Statement]? {
        switch id {
        case "table-source":
            return [
                table(Topic("in", key: Self.text, value: .utf8), store: "store")
                    .to(Topic("out", key: Self.text, value: .utf8))
            ]
        case "stream-to-table":
            return [
                stream(Self.texts).toTable(store: "store", key: Self.text, value: .utf8)
                    .to(Topic("out", key: Self.text, value: .utf8))
            ]
        case "stream-rekey-to-table":
            let rekeyed = stream(Self.texts).selectKey { value -> String? in
                let key = value?.split(separator: ":").first.map(String.init)
                return key == "~" ? nil : key
            }
            let changes = rekeyed.filterWithKey { key, _ in key != nil }
                .repartition("tt", key: Self.text, value: Self.text)
                .toTable(store: "store", key: Self.text, value: .utf8).toStream()
                .map { key, value -> (String?, String?) in ("\(key ?? "null")'", value) }
            return [changes.to(Self.textOut)]
        default: return nil
        }
    }

    @Sendable private static func isEven(_ value: Int64?) -> Bool {
        value.map { $0 % 2 == 0 } ?? false
    }

    @Sendable private static func remainderKey(_ value: Int64?) -> String? {
        value.map { "p\($0 % 3)" }
    }

    private static func resultCount(of value: Int64?) -> Int { Int(abs(value ?? 0) % 4) }
}
