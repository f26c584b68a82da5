import Streams

/// Joins with a global table: `join-stream-global-…`.
extension DSLTopologies {
    var globalJoins: [Statement]? {
        guard id.hasPrefix("join-stream-global-") else { return nil }
        let stream = stream(Topic("s", key: Self.text, value: Self.text))
        let table = globalTable(Topic("g", key: Self.text, value: .utf8), store: "g-store")
        let joined: KeyedStream<String?, String, ByKey>
        switch id {
        case "join-stream-global-inner":
            joined = stream.join(table, key: { Self.prefix($1) }) { Self.pair($0, $1) }
        case "join-stream-global-left":
            joined = stream.leftJoin(table, key: { Self.prefix($1) }) { Self.pair($0, $1) }
        default: return nil
        }
        return [joined.to(Self.rowOut)]
    }
}
