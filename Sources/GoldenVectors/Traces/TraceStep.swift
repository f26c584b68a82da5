import Bytes
import KafkaRecords
import KafkaWire

/// One line of a trace.
struct TraceStep {
    enum Action {
        case send(TraceRequest)
        case sleep(milliseconds: Int64)
        case repeatPrevious(count: Int)
    }

    enum Expected: Equatable {
        case answer(JSON)
        case closed
        case nothing
    }

    let number: Int
    let connection: UInt64
    let action: Action
    let expected: Expected
    /// The header and body that Kafka answered with.
    let answerFrame: [UInt8]?
    /// The step behind which a parked request was answered.
    let answeredAfterStep: Int?

    init(_ line: JSON) throws(GoldenError) {
        number = try line.member("step").integer(Int.self)
        let connection = try line["conn"]?.integer(UInt64.self) ?? 0
        self.connection = connection
        answeredAfterStep = try line["answered_after_step"]?.integer(Int.self)
        if let milliseconds = line["sleep_ms"] {
            action = .sleep(milliseconds: try milliseconds.integer(Int64.self))
        } else if let count = line["repeat_previous"] {
            action = .repeatPrevious(count: try count.integer(Int.self))
        } else {
            action = .send(try TraceRequest(line.member("send"), clientID: "c\(connection)"))
        }
        answerFrame = try line["recv"]?["frame"]?.base64()
        switch line["recv"] {
        case .string("closed")?: expected = .closed
        // `_batches` is a summary, for people.
        case .object(let members)?:
            expected = .answer((members["json"] ?? .null).without("_batches"))
        default: expected = .nothing
        }
    }
}

/// What was sent: a request, or bytes that may be none.
struct TraceRequest {
    /// Kafka's name, or what the bytes are.
    let name: String
    let key: Int16
    let version: Int16
    let correlationID: Int32
    let clientID: String
    /// Null for bytes.
    let json: JSON
    /// As they were sent, with the length in front; nil for a request.
    let bytes: [UInt8]?
    /// Header and body as they were recorded.
    let frame: [UInt8]?

    init(_ send: JSON, clientID: String) throws(GoldenError) {
        self.clientID = clientID
        frame = try send["frame"]?.base64()
        guard let api = send["api"] else {
            let bytes = try send.member("hex").hex()
            self.bytes = bytes
            json = .null
            name = try send["what"]?.string() ?? "bytes"
            key = Int16(truncatingIfNeeded: Self.number(bytes.dropFirst(4).prefix(2)))
            version = Int16(truncatingIfNeeded: Self.number(bytes.dropFirst(6).prefix(2)))
            correlationID = Int32(truncatingIfNeeded: Self.number(bytes.dropFirst(8).prefix(4)))
            return
        }
        name = try api.string()
        key = try send.member("key").integer(Int16.self)
        version = try send.member("version").integer(Int16.self)
        correlationID = try send.member("correlation").integer(Int32.self)
        json = try send.member("json")
        bytes = nil
    }

    private static func number(_ bytes: some Sequence<UInt8>) -> Int64 {
        bytes.reduce(0) { $0 << 8 | Int64($1) }
    }

    /// Whether the broker answers at all.
    var isAnswered: Bool { name != "Produce" || json["acks"] != .integer(0) }

    /// Whether it asks the same, perhaps in another place of the conversation.
    func isSame(as other: TraceRequest) -> Bool {
        (key, version) == (other.key, other.version) && json == other.json
    }

    /// The bytes that are sent, for a body with other ids. A version that nobody knows has the
    /// header and the body of the newest.
    func encoded(_ body: JSON) throws -> [UInt8] {
        if let bytes { return bytes }
        guard let api = WireAPI.known(key), let type = goldenMessages["\(name)Request"] else {
            throw GoldenError.unexpectedValue(name)
        }
        let known = min(max(version, api.versions.lowerBound), api.versions.upperBound)
        let header = RequestHeader(
            requestApiKey: key,
            requestApiVersion: version,
            correlationID: correlationID,
            clientID: clientID
        )
        let content =
            try header.encoded(version: api.requestHeaderVersion(known))
            + Self.encode(type, body, known)
        return withUnsafeBytes(of: Int32(content.count).bigEndian) { Array($0) } + content
    }

    private static func encode<Message: GoldenTopMessage>(
        _ type: Message.Type,
        _ json: JSON,
        _ version: Int16
    ) throws -> [UInt8] {
        try type.init(json: json, path: "", tags: UnknownTags()).encoded(version: version)
    }

    /// The body of an answer, given header and body.
    func decode(_ frame: [UInt8]) throws -> JSON {
        guard let api = WireAPI.known(key), let type = goldenMessages["\(api.name)Response"] else {
            throw GoldenError.unexpectedValue("an answer to \(name)")
        }
        // ApiVersions is answered in version 0 where its version is not known.
        let version = api.versions.contains(version) ? version : 0
        let header = 4 + Int(api.responseHeaderVersion(version))
        guard frame.count >= header else { throw GoldenError.unexpectedValue("a short answer") }
        let decoded = try type.decode(Array(frame[header...]), version: version)
        guard decoded.leftOverByteCount == 0 else {
            throw GoldenError.unexpectedValue("bytes behind an answer to \(name)")
        }
        return decoded.message.json(version: version)
    }
}

extension JSON {
    /// The same without that member, at any depth.
    fileprivate func without(_ name: String) -> JSON {
        switch self {
        case .object(let members):
            .object(members.filter { $0.key != name }.mapValues { $0.without(name) })
        case .array(let values): .array(values.map { $0.without(name) })
        case .null, .boolean, .integer, .double, .string: self
        }
    }
}
