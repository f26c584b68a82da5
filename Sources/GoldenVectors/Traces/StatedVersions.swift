import KafkaWire

/// What ApiVersions is stated to tell otherwise than Kafka: the APIs that are not served, versions
/// that only brokers send to each other, and features that are not there.
enum StatedVersions {
    static let words = "APIs, versions and features that are not there are not told of"

    /// Versions of AddPartitionsToTxn that only brokers send.
    static let ofBrokers: ClosedRange<Int16> = 4...5

    static let addPartitionsToTxn: Int16 = 24
    private static let absentFeatures: Set<String> = [
        "eligible.leader.replicas.version", "kraft.version", "metadata.version", "share.version",
        "streams.version",
    ]

    /// Kafka's answer without them.
    static func adapted(_ expected: JSON, to actual: JSON) -> JSON {
        guard case .object(var members) = expected else { return expected }
        if case .array(let entries)? = members["apiKeys"] {
            members["apiKeys"] = .array(entries.compactMap(entry))
        }
        for name in ["supportedFeatures", "finalizedFeatures"] {
            guard case .array(let features)? = members[name] else { continue }
            let rest = features.filter { !isAbsent($0["name"]) }
            // A tagged field without entries is not there.
            members[name] = rest.isEmpty && actual[name] == nil ? nil : .array(rest)
        }
        return .object(members)
    }

    /// What ours says of an API in the place of this entry; nil where it says nothing.
    private static func entry(_ entry: JSON) -> JSON? {
        guard case .object(var members) = entry, case .integer(let number)? = members["apiKey"],
            let key = Int16(exactly: number)
        else { return entry }
        if WireAPI.isUnserved(key) { return nil }
        if key == addPartitionsToTxn, members["maxVersion"] == .integer(Int64(ofBrokers.upperBound))
        {
            members["maxVersion"] = .integer(Int64(ofBrokers.lowerBound) - 1)
        }
        return .object(members)
    }

    private static func isAbsent(_ name: JSON?) -> Bool {
        guard case .string(let text)? = name else { return false }
        return absentFeatures.contains(text)
    }
}
