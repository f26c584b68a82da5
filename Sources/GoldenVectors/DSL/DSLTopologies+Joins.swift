import Streams

/// Joins: `join-…`.
extension DSLTopologies {
    var tableJoins: [Statement]? {
        if id == "join-table-self" {
            let source = table(Topic("l", key: Self.text, value: .utf8), store: "src")
            let marked = source.mapValues { value -> String in value + "!" }
            return [source.join(marked) { "\($0)|\($1)" }.to(Self.rowOut)]
        }
        let left = table(Topic("l", key: Self.text, value: .utf8), store: "l-store")
        let right = table(Topic("r", key: Self.text, value: .utf8), store: "r-store")
        let joined: TextTable
        switch id {
        case "join-table-table-inner", "join-table-table-inner-materialized":
            joined = left.join(right) { Self.pair($0, $1) }
        case "join-table-table-left", "join-table-table-left-materialized":
            joined = left.leftJoin(right) { Self.pair($0, $1) }
        case "join-table-table-outer", "join-table-table-outer-materialized":
            joined = left.outerJoin(right) { Self.pair($0, $1) }
        default: return nil
        }
        let isKept = id.hasSuffix("-materialized")
        return [(isKept ? Self.kept(joined) : joined).to(Self.rowOut)]
    }

    var streamTableJoins: [Statement]? {
        let stream = stream(Topic("s", key: Self.text, value: Self.text))
        let table = table(Topic("t", key: Self.text, value: .utf8), store: "t-store")
        switch id {
        case "join-stream-table-inner":
            return [stream.join(table) { Self.pair($0, $1) as String? }.to(Self.textOut)]
        case "join-stream-table-left":
            return [stream.leftJoin(table) { Self.pair($0, $1) as String? }.to(Self.textOut)]
        default: return nil
        }
    }

    @Sendable static func pair(_ left: String?, _ right: String?) -> String {
        "\(left ?? "null")|\(right ?? "null")"
    }
}
