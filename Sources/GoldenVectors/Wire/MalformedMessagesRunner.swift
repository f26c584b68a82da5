import Bytes
import KafkaRecords
import KafkaWire

/// `wire/malformed`: bodies that are not canonical or not valid, what is read of them, and whether
/// a server that is sent them answers.
struct MalformedMessagesRunner: GoldenRunner {
    func accepts(_ file: GoldenFile) -> Bool {
        guard let line = file.firstLine else { return false }
        return line["outcome"] != nil && line["api"] != nil
    }

    func run(_ file: GoldenFile) throws -> GoldenReport {
        var report = GoldenReport()
        let server = try TraceServer()
        var connectionCount: UInt64 = 0
        for line in try file.lines() {
            guard let message = try WireMessage(line: line) else {
                report.noteNotYet()
                continue
            }
            // Replaced as Unicode says, byte by byte; Java makes one character of the three.
            let isLoneSurrogate = try line.member("case").string() == "string-lone-surrogate"
            let difference = try difference(line, message)
            if isLoneSurrogate, difference != nil {
                report.noteDeviation("half of a surrogate pair is three characters")
            } else {
                report.note(message.name, difference)
            }
            guard let answers = line["server"], answers != .null else { continue }
            connectionCount += 1
            let connection = server.connect(connectionCount)
            report.note(
                "\(message.name) sent",
                try serverDifference(line, answers, server, connection)
            )
        }
        try server.close()
        return report
    }

    /// What a server does with the frame, where it is not what Kafka's does.
    private func serverDifference(
        _ line: JSON,
        _ expected: JSON,
        _ server: TraceServer,
        _ connection: TraceConnection
    ) throws -> String? {
        let key = try line.member("apiKey").integer(Int16.self)
        let version = try line.member("version").integer(Int16.self)
        guard let api = WireAPI.known(key) else { return "there is no API \(key)" }
        let correlationID: Int32 = 1
        let header = RequestHeader(
            requestApiKey: key,
            requestApiVersion: version,
            correlationID: correlationID,
            clientID: "golden"
        )
        let content =
            try header.encoded(version: api.requestHeaderVersion(version))
            + line.member("hex").hex()
        connection.send(withUnsafeBytes(of: Int32(content.count).bigEndian) { Array($0) } + content)
        let actual =
            switch server.wait(for: correlationID, on: connection) {
            case .frame: "answers"
            case .closed: "closes"
            case .nothing: "waits"
            }
        return expected == .string(actual) ? nil : "Kafka \(try expected.string()), ours \(actual)"
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
