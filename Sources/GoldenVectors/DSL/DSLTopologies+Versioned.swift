import Streams

/// Tables with a history: `…-versioned…`.
extension DSLTopologies {
    var versioned: [Statement]? {
        switch id {
        case "table-source-versioned":
            return [versionedTable("in", store: "store").to(Self.rowOut)]
        case "table-filter-versioned":
            return [versionedTable("in", store: "src").filter(Self.endsEven).to(Self.rowOut)]
        case "table-groupby-aggregate-versioned":
            let grouped = Self.byPrefix(versionedTable("in", store: "src"))
            return [Self.signed(grouped).to(Self.rowOut)]
        case "join-table-table-inner-versioned":
            let (left, right) = versionedTables
            return [left.join(right) { Self.pair($0, $1) }.to(Self.rowOut)]
        case "join-table-table-left-versioned":
            let (left, right) = versionedTables
            return [left.leftJoin(right) { Self.pair($0, $1) }.to(Self.rowOut)]
        default: return versionedStreamJoins
        }
    }

    private var versionedStreamJoins: [Statement]? {
        guard id.hasPrefix("join-stream-table-versioned") else { return nil }
        let stream = stream(Topic("s", key: Self.text, value: Self.text))
        let table = versionedTable("t", store: "t-store")
        let joined: KeyedStream<String?, String, ByKey>
        switch id {
        case "join-stream-table-versioned-inner":
            joined = stream.join(table) { Self.pair($0, $1) }
        case "join-stream-table-versioned-left":
            joined = stream.leftJoin(table) { Self.pair($0, $1) }
        case "join-stream-table-versioned-grace-inner":
            joined = stream.join(
                table,
                grace: milliseconds("graceMs"),
                store: "held",
                key: Self.text,
                value: Self.text
            ) { Self.pair($0, $1) }
        case "join-stream-table-versioned-grace-left":
            joined = stream.leftJoin(
                table,
                grace: milliseconds("graceMs"),
                store: "held",
                key: Self.text,
                value: Self.text
            ) { Self.pair($0, $1) }
        default: return nil
        }
        return [joined.to(Self.rowOut)]
    }

    private var versionedTables: (left: TextTable, right: TextTable) {
        (versionedTable("l", store: "l-store"), versionedTable("r", store: "r-store"))
    }

    func versionedTable(_ topic: String, store: String) -> TextTable {
        table(
            Topic(topic, key: Self.text, value: .utf8),
            store: store,
            history: milliseconds("historyMs")
        )
    }
}
