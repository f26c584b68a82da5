import Streams

/// Foreign-key joins: `join-table-foreign-key-…`.
extension DSLTopologies {
    var foreignKeyJoins: [Statement]? {
        guard id.hasPrefix("join-table-foreign-key-") else { return nil }
        let isVersioned = id.hasSuffix("-versioned")
        let left = isVersioned ? versionedTable("l", store: "l-store") : plainTable("l")
        let right = isVersioned ? versionedTable("r", store: "r-store") : plainTable("r")
        let joined: TextTable
        if id.hasPrefix("join-table-foreign-key-inner") {
            joined = left.join(
                right,
                foreignKey: Self.prefix,
                via: "fk",
                key: Self.text,
                otherKey: Self.text,
                otherValue: .utf8
            ) { Self.pair($0, $1) }
        } else if id.hasPrefix("join-table-foreign-key-left") {
            joined = left.leftJoin(
                right,
                foreignKey: Self.prefix,
                via: "fk",
                key: Self.text,
                otherKey: Self.text,
                otherValue: .utf8
            ) { Self.pair($0, $1) }
        } else {
            return nil
        }
        let isKept = id.hasSuffix("-materialized")
        return [(isKept ? Self.kept(joined) : joined).to(Self.rowOut)]
    }

    private func plainTable(_ topic: String) -> TextTable {
        table(Topic(topic, key: Self.text, value: .utf8), store: "\(topic)-store")
    }
}
