import Bytes
import KafkaRecords

/// A request, response or header of a golden file: its type and version.
struct WireMessage {
    let type: any GoldenTopMessage.Type
    let version: Int16
    /// `Fetch request v12 random1`, for reports.
    let name: String

    /// Nil where the message has no type here.
    init?(line: JSON) throws(GoldenError) {
        let api = try line.member("api").string()
        let kind = try line.member("kind").string()
        let suffix = kind.hasSuffix("equest") || kind.hasPrefix("request") ? "Request" : "Response"
        let typeName = api == "Header" ? suffix + "Header" : api + suffix
        version = try line.member("version").integer(Int16.self)
        let detail = try line["case"].map { (value) throws(GoldenError) in try value.string() }
        name = "\(api) \(kind) v\(version)" + (detail.map { " \($0)" } ?? "")
        guard let type = goldenMessages[typeName] else { return nil }
        self.type = type
    }
}

/// What was read of a message's bytes.
struct DecodedMessage {
    let message: any GoldenTopMessage
    let leftOverByteCount: Int
}

extension GoldenTopMessage {
    static func decode(_ bytes: [UInt8], version: Int16) throws(WireError) -> DecodedMessage {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(WireError) in
                var reader = ByteReader(buffer)
                let message = try Self(reading: &reader, version: version)
                return DecodedMessage(message: message, leftOverByteCount: reader.byteCountLeft)
            }
        }
        return try result.get()
    }

    /// Without what stands in front of it in a record.
    private func encodedBody(version: Int16) throws(WireError) -> [UInt8] {
        var writer = ByteWriter()
        write(to: &writer, version: version)
        return try writer.finish()
    }

    /// The tagged fields in it that no schema knows.
    var unknownTags: UnknownTags {
        var tags = UnknownTags()
        collectTags(path: "", into: &tags)
        return tags
    }

    /// Where the message and the expected JSON differ; nil if they do not.
    func difference(from json: JSON, tags: UnknownTags, version: Int16) -> String? {
        if let found = json.difference(from: self.json(version: version)) { return found }
        return unknownTags == tags ? nil : "unknown tags \(unknownTags)"
    }

    /// Where `bytes`, decoded, differ from the JSON, or the JSON, encoded, from the bytes.
    static func difference(
        between bytes: [UInt8],
        and json: JSON,
        tags: UnknownTags,
        version: Int16
    ) throws(GoldenError) -> String? {
        let decoded: DecodedMessage
        do throws(WireError) { decoded = try decode(bytes, version: version) } catch {
            return "not decoded: \(error)"
        }
        guard decoded.leftOverByteCount == 0 else { return "bytes are left over" }
        let found = decoded.message.difference(from: json, tags: tags, version: version)
        if let found { return found }
        let message = try Self(json: json, path: "", tags: tags)
        do throws(WireError) {
            let encoded = try message.encodedBody(version: version)
            return encoded == bytes ? nil : "encoded as \(hex(encoded))"
        } catch {
            return "not encoded: \(error)"
        }
    }
}
