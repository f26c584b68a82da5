import Bytes

/// What a broker makes up, and a trace therefore has otherwise: ids, from the recorded one to ours.
struct TraceIDs {
    private static let names: Set<String> = [
        "memberId", "leader", "producerId", "producerIdFilters", "v3AndBelowProducerId", "topicId",
        "sessionId",
    ]
    /// Told for people, of this machine, or of the moment: not compared.
    private static let ignored: Set<String> = [
        "_batches", "host", "port", "brokerId", "nodeId", "clusterId", "errorMessage",
        "batchIndexErrorMessage",
        "transactionStartTimeMs", "currentTxnStartOffset", "lastTimestamp", "rack",
        "finalizedFeaturesEpoch",
    ]
    private static let startedWith: Set<JSON?> = [.integer(3), .integer(4)]
    private static let moments: Set<String> = ["timestamp", "logAppendTimeMs"]
    private static let sets: Set<String> = [
        "members", "groups", "topics", "responses", "results", "partitions", "configs",
        "partitionResponses", "abortedTransactions", "apiKeys", "supportedFeatures",
        "finalizedFeatures", "transactionStates", "configResources",
    ]
    /// What an entry of a set is told by, whatever else it says.
    private static let identities = [
        "name", "topic", "groupId", "transactionalId", "resourceType", "resourceName",
        "partitionIndex", "partition", "index", "apiKey",
    ]

    private var known: [String: [JSON: JSON]] = [:]

    /// Remembers which of our ids stands where `expected` has one.
    mutating func learn(_ expected: JSON, _ actual: JSON, as name: String = "") {
        switch (expected, actual) {
        case (.object(let left), .object(let right)):
            for (name, value) in left {
                if let other = right[name] { learn(value, other, as: name) }
            }
        case (.array(let left), .array(let right)) where left.count == right.count:
            for (value, other) in zip(left, right) { learn(value, other, as: name) }
        default:
            guard Self.names.contains(name), Self.isID(expected), Self.isID(actual) else { return }
            let kind = Self.kind(name)
            if known[kind]?[expected] == nil { known[kind, default: [:]][expected] = actual }
        }
    }

    /// The same with our ids.
    func translated(_ json: JSON, name: String = "") -> JSON {
        switch json {
        case .object(let members):
            return .object(
                Dictionary(
                    uniqueKeysWithValues: members.map { ($0, translated($1, name: $0)) }
                )
            )
        case .array(let values): return .array(values.map { translated($0, name: name) })
        case .string(let text) where name == "records": return .string(records(text) ?? text)
        default:
            guard Self.names.contains(name) else { return json }
            return known[Self.kind(name)]?[json] ?? json
        }
    }

    /// Under which name an id is kept.
    private static func kind(_ name: String) -> String {
        switch name {
        case "leader": "memberId"
        case "producerIdFilters", "v3AndBelowProducerId": "producerId"
        default: name
        }
    }

    private static func isID(_ json: JSON) -> Bool {
        switch json {
        case .string(let text): !text.isEmpty
        case .integer(let number): number >= 0
        default: false
        }
    }

    /// Record batches with our producer ids.
    private func records(_ text: String) -> String? {
        guard var bytes = try? JSON.string(text).base64() else { return nil }
        var start = 0
        while bytes.count - start >= 61 {
            let length = bytes[start + 8..<start + 12].reduce(0) { $0 << 8 | Int($1) }
            let end = start + 12 + length
            guard length >= 49, end <= bytes.count else { break }
            let id = bytes[start + 43..<start + 51].reduce(Int64(0)) { $0 << 8 | Int64($1) }
            if case .integer(let ours)? = known["producerId"]?[.integer(id)], ours != id {
                for index in 0..<8 {
                    bytes[start + 43 + index] = UInt8(truncatingIfNeeded: ours >> (56 - 8 * index))
                }
                let checksum = bytes[start + 21..<end].withUnsafeBytes { crc32c($0) }
                for index in 0..<4 {
                    bytes[start + 17 + index] = UInt8(
                        truncatingIfNeeded: checksum >> UInt32(24 - 8 * index)
                    )
                }
            }
            start = end
        }
        guard case .string(let changed) = JSON.base64(bytes) else { return nil }
        return changed
    }

    // MARK: Comparing

    /// What can be compared of an answer: without what varies, lists that are sets in one order.
    static func comparable(_ json: JSON, name: String = "") -> JSON {
        switch json {
        case .object(let members):
            return .object(
                Dictionary(
                    uniqueKeysWithValues: members.filter { !ignored.contains($0.key) }.map {
                        ($0, comparable($1, name: $0))
                    }
                )
            )
        // What that broker was started with.
        case .array(let values) where name == "synonyms":
            return .array(values.filter { !startedWith.contains($0["source"]) })
        case .array(let values):
            let values = values.map { comparable($0, name: name) }
            guard sets.contains(name) else { return .array(values) }
            return .array(
                values.map { (key: sortKey($0), value: $0) }.sorted { $0.key < $1.key }.map(\.value)
            )
        case .string(let text) where name == "records":
            return .integer(Int64((try? JSON.string(text).base64().count) ?? -1))
        case .integer(let number) where moments.contains(name) && number > 1_000_000_000_000:
            return .string("a moment")
        // Where an option comes from: that broker was given some, ours has its own.
        case .integer(3...4) where name == "configSource": return .integer(5)
        default: return json
        }
    }

    private static func sortKey(_ json: JSON) -> String {
        switch json {
        case .object(let members):
            let identity = identities.compactMap { members[$0].map(sortKey) }.joined(separator: "/")
            return identity + " "
                + members.filter { !names.contains($0.key) }.sorted { $0.key < $1.key }
                .map { "\($0.key)=\(sortKey($0.value))" }.joined(separator: ",")
        case .array(let values): return values.map(sortKey).joined(separator: ";")
        case .string(let text): return text
        case .integer(let number): return "\(number)"
        case .boolean(let value): return "\(value)"
        case .double(let value): return "\(value)"
        case .null: return "null"
        }
    }
}
