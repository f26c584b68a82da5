import Bytes
import KafkaRecords

/// `wire/malformed`: bodies that are not canonical or not valid, and what is read of them.
struct MalformedMessagesRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        guard let line = file.firstLine else { return false }
        return line["outcome"] != nil && line["api"] != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        for line in try file.lines() {
            guard let message = try WireMessage(line: line) else {
                report.noteNotYet()
                continue
            }
            // Replaced as Unicode says, byte by byte; Java makes one character of the three.
            let isLoneSurrogate = try line.member("case").string() == "string-lone-surrogate"
            let difference = try difference(line, message)
            if isLoneSurrogate, difference != nil {
                report.noteDeviation()
            } else {
                report.note(message.name, difference)
            }
        }
        return report
    }

    private func difference(_ line: JSON, _ message: WireMessage) throws -> String? {
        let outcome = try line.member("outcome").string()
        let bytes = try line.member("hex").hex()
        let decoded: DecodedMessage
        do throws(WireError) {
            decoded = try message.type.decode(bytes, version: message.version)
        } catch {
            return outcome == "error" ? nil : "not decoded: \(error)"
        }
        guard outcome != "error" else { return "decoded" }
        let leftOver = try line.member("leftOver").integer(Int.self)
        guard decoded.leftOverByteCount == leftOver else {
            return "\(decoded.leftOverByteCount) bytes left over, not \(leftOver)"
        }
        let tags = try UnknownTags(json: line["unknownTags"])
        let found = decoded.message.difference(
            from: try line.member("json"),
            tags: tags,
            version: message.version
        )
        if let found { return found }
        // Kafka's own encoder refuses some of what its decoder takes.
        guard let canonical = line["canonicalHex"], canonical != .null else { return nil }
        let encoded = try decoded.message.encoded(version: message.version)
        return try canonical.hex() == encoded ? nil : "encoded as \(hex(encoded))"
    }
}
