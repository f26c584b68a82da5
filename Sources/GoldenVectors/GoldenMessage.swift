import Bytes
import KafkaRecords

/// The JSON form of a message or of a struct in one; generated from the schemas.
protocol GoldenMessage {
    init(json: JSON, path: String, tags: UnknownTags) throws(GoldenError)
    func json(version: Int16) -> JSON
    func collectTags(path: String, into tags: inout UnknownTags)
}

/// A whole message.
protocol GoldenTopMessage: GoldenMessage, KafkaMessage {}

/// Tagged fields that no schema knows, by the path of the struct that holds them: "" for the top,
/// `topics[1].partitions[0]` below.
struct UnknownTags: Equatable {
    private var fields: [String: [RawTaggedField]] = [:]

    init() {}

    /// `[{"path","tag","hex"}]`, or nothing at all.
    init(json: JSON?) throws(GoldenError) {
        guard let json else { return }
        for entry in try json.array() {
            let path = try entry.member("path").string()
            let tag = try entry.member("tag").integer(UInt32.self)
            let bytes = try entry.member("hex").hex()
            fields[path, default: []].append(RawTaggedField(tag: tag, bytes: bytes))
        }
    }

    /// The fields of the struct whose members have the prefix `path`, which ends in a dot.
    func fields(at path: String) -> [RawTaggedField] { fields[Self.key(path)] ?? [] }

    mutating func add(_ fields: [RawTaggedField], at path: String) {
        if !fields.isEmpty { self.fields[Self.key(path)] = fields }
    }

    private static func key(_ path: String) -> String {
        path.hasSuffix(".") ? String(path.dropLast()) : path
    }
}
