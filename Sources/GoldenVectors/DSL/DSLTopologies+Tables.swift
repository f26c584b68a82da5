import Streams

/// Tables: `table-…`.
extension DSLTopologies {
    typealias TextTable = Table<String?, String>

    static let tableTopic = Topic("in", key: text, value: .utf8)
    static let rowOut = Topic("out", key: text, value: .utf8)

    var tableTransforms: [Statement]? {
        let source = table(Self.tableTopic, store: "src")
        switch id {
        case "table-filter": return [source.filter(Self.endsEven).to(Self.rowOut)]
        case "table-filter-not": return [source.filterNot(Self.endsEven).to(Self.rowOut)]
        case "table-filter-materialized":
            return [Self.kept(source.filter(Self.endsEven)).to(Self.rowOut)]
        case "table-map-values": return [source.mapValuesWithKey(Self.assignment).to(Self.rowOut)]
        case "table-map-values-materialized":
            return [Self.kept(source.mapValuesWithKey(Self.assignment)).to(Self.rowOut)]
        case "table-filter-aggregate":
            let rows = source.filter(Self.endsEven).mapValues { value -> String in value + "!" }
            let grouped = rows.groupBy(via: "g", key: Self.text, value: .utf8) { key, value in
                ("\((key ?? "").prefix(1))g", value)
            }
            return [Self.signed(grouped).to(Self.rowOut)]
        default: return groupedTables(Self.byPrefix(source))
        }
    }

    private func groupedTables(
        _ grouped: GroupedTable<Text, UTF8Serde>
    ) -> [Statement]? {
        switch id {
        case "table-groupby-count":
            return [grouped.count(store: "store").to(Self.countOut)]
        case "table-groupby-aggregate": return [Self.signed(grouped).to(Self.rowOut)]
        case "table-groupby-reduce":
            let table = grouped.reduce(
                store: "store",
                add: { old, value -> String in "\(old)+\(value)" },
                subtract: { old, value -> String in "\(old)-\(value)" }
            )
            return [table.to(Self.rowOut)]
        default: return nil
        }
    }

    static func byPrefix(_ table: TextTable) -> GroupedTable<Text, UTF8Serde> {
        table.groupBy(via: "g", key: text, value: .utf8) { _, value in (prefix(value), value) }
    }

    static func signed(_ grouped: GroupedTable<Text, UTF8Serde>) -> TextTable {
        grouped.aggregate(
            store: "store",
            initial: "",
            value: .utf8,
            add: { aggregate, value in aggregate += "+\(value)" },
            subtract: { aggregate, value in aggregate += "-\(value)" }
        )
    }

    static func kept(_ table: TextTable) -> TextTable {
        table.materialized(store: "store", key: text, value: .utf8)
    }

    /// The text before ":"; nil for "~" and for nil.
    @Sendable static func prefix(_ value: String?) -> String? {
        guard let value else { return nil }
        let prefix = String(value.prefix { $0 != ":" })
        return prefix == "~" ? nil : prefix
    }

    @Sendable static func endsEven(_ value: String) -> Bool {
        trailingNumber(value).map { $0 % 2 == 0 } ?? false
    }

    /// The number that a text ends with.
    static func trailingNumber(_ value: String) -> Int? {
        let digits = value.reversed().prefix { $0.isNumber }
        return Int(String(digits.reversed()))
    }

    @Sendable private static func assignment(_ key: String?, _ value: String) -> String {
        "\(key ?? "null")=\(value)"
    }
}
