import JSON
import LogModel
import Terminal

/// Reads records from JSON objects as `RecordJSONWriter` writes them, or kcat:
///
///     {"topic":"orders","partition":0,"offset":7,"tstype":"create","ts":1359608400000,"broker":1,
///      "headers":["a","1","b",null],"key":"k","payload":"v"}
///
/// `value` has to be there, null for a tombstone; everything else may be left out. Of a member
/// that nobody knows nothing can be kept, so it is refused, as one that is there twice.
struct RecordJSONReader {
    /// The record that was read last.
    private(set) var key = NullableBytes()
    private(set) var value = NullableBytes()
    private(set) var headers = RecordHeaderBlock()
    private(set) var partition: Int32?
    private(set) var timestamp: Timestamp?

    private static let keys = ["key", "key_base64"]
    private static let headerValues = ["value", "value_base64"]
    private static let values = headerValues + ["payload"]
    private static let times = ["timestamp", "ts"]

    private var members = MemberNames([
        "topic", "partition", "offset", "timestamp", "timestamp_type", "key", "key_base64", "value",
        "value_base64", "headers", "payload", "ts", "tstype", "broker",
    ])
    private var headerMembers = MemberNames(["key", "key_base64", "value", "value_base64"])
    /// False where kcat says that the record has none, and prints 0.
    private var hasTime = true
    private var headerKey = NullableBytes()
    private var headerValue = NullableBytes()

    /// Reads `line`, the text of one object.
    mutating func read(_ line: UnsafeRawBufferPointer) throws {
        key.setNull()
        value.setNull()
        headers.reset()
        partition = nil
        timestamp = nil
        hasTime = true
        members.reset()
        let document = try JSONDocument(parsing: line)
        try document.withRoot { root in
            guard let object = root.object else {
                throw JSONError("\(root.article), where an object is needed")
            }
            try object.forEachMember { name, member in
                let known = try members.note(name)
                try take(known, member)
            }
        }
        try members.requireOne(of: Self.keys, orNone: true)
        try members.requireOne(of: Self.values, orNone: false)
        try members.requireOne(of: Self.times, orNone: true)
        if !hasTime { timestamp = nil }
    }

    private mutating func take(_ name: String, _ member: JSONValue) throws {
        switch name {
        case "key": try key.set(string: member, name)
        case "key_base64": try key.set(base64: member, name)
        case "value", "payload": try value.set(string: member, name)
        case "value_base64": try value.set(base64: member, name)
        case "partition":
            guard let number = member.int64.flatMap({ Int32(exactly: $0) }), number >= 0 else {
                throw JSONError(path: name, "\(member.article), where a partition is needed")
            }
            partition = number
        case "timestamp", "ts":
            guard let number = member.int64 else {
                throw JSONError(
                    path: name,
                    "\(member.article), where milliseconds since 1970 are needed"
                )
            }
            timestamp = Timestamp(number)
        case "tstype": hasTime = member.string != "unknown"
        case "headers": try takeHeaders(member)
        // Where the record was is not where it goes.
        default: return
        }
    }

    /// Objects with names and values, as we write them; names and values in turn, as kcat does; or
    /// an object of which the members are the headers.
    private mutating func takeHeaders(_ list: JSONValue) throws {
        if let object = list.object {
            try object.forEachMember { name, member in
                let path = name.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                name.withUnsafeBytes { headerKey.set($0) }
                try takeValue(member, at: "headers.\(path)")
            }
            return
        }
        var index = 0
        var isFlat = false
        let isArray = try list.forEachElement { header in
            if index == 0 { isFlat = header.utf8 != nil }
            do {
                if isFlat {
                    try takeFlat(header, isName: index % 2 == 0)
                } else {
                    try takeHeader(header)
                }
            } catch let error as JSONError {
                let path = error.path.isEmpty ? "" : ".\(error.path)"
                throw JSONError(path: "headers[\(index)]\(path)", error.reason)
            }
            index += 1
        }
        guard isArray else {
            throw JSONError(path: "headers", "\(list.article), where an array is needed")
        }
        guard !isFlat || index % 2 == 0 else {
            throw JSONError(
                path: "headers[\(index - 1)]",
                "a name without a value: names and values stand in turn"
            )
        }
    }

    private mutating func takeFlat(_ element: JSONValue, isName: Bool) throws {
        guard isName else { return try takeValue(element, at: "") }
        guard let text = element.utf8 else {
            throw JSONError("\(element.article), where a header's name is needed")
        }
        text.withUnsafeBytes { headerKey.set($0) }
    }

    private mutating func takeValue(_ value: JSONValue, at path: String) throws {
        do throws(JSONError) { try headerValue.set(string: value, "") } catch {
            throw JSONError(path: path, error.reason)
        }
        appendHeader()
    }

    /// Of the name and the value that were read last.
    private mutating func appendHeader() {
        headerKey.withBytes { key in
            guard let key else { return }
            headerValue.withBytes { headers.append(key: key, value: $0) }
        }
    }

    private mutating func takeHeader(_ header: JSONValue) throws {
        guard let object = header.object else {
            throw JSONError("\(header.article), where an object is needed")
        }
        headerMembers.reset()
        headerKey.setNull()
        headerValue.setNull()
        try object.forEachMember { name, member in
            let known = try headerMembers.note(name)
            switch known {
            case "key": try headerKey.set(string: member, known)
            case "key_base64": try headerKey.set(base64: member, known)
            case "value": try headerValue.set(string: member, known)
            default: try headerValue.set(base64: member, known)
            }
        }
        try headerMembers.requireOne(of: Self.keys, orNone: false, mayBeNull: false)
        try headerMembers.requireOne(of: Self.headerValues, orNone: false)
        guard !headerKey.isNull else {
            throw JSONError(path: "key", "null, where a string is needed")
        }
        appendHeader()
    }
}

/// The members that an object may have, and those that it had so far.
private struct MemberNames {
    private let names: [String]
    private var isThere: [Bool]

    init(_ names: [String]) {
        self.names = names
        isThere = names.map { _ in false }
    }

    mutating func reset() {
        for index in isThere.indices { isThere[index] = false }
    }

    /// The name of one more member.
    mutating func note(_ bytes: RawSpan) throws(JSONError) -> String {
        let name = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        guard let index = names.firstIndex(of: name) else {
            let hint = Suggestion.nearest(to: name, among: names)
            throw JSONError(
                path: name,
                "no member of a record" + (hint.map { "; did you mean \($0)?" } ?? "")
            )
        }
        guard !isThere[index] else { throw JSONError(path: name, "there twice") }
        isThere[index] = true
        return names[index]
    }

    /// Refuses two of these names, and none of them, but for `orNone`.
    func requireOne(
        of choices: [String],
        orNone: Bool,
        mayBeNull: Bool = true
    ) throws(JSONError) {
        var given: String?
        for choice in choices where has(choice) {
            guard let other = given else {
                given = choice
                continue
            }
            throw JSONError(path: choice, "there beside \(other): give one of them")
        }
        guard given != nil || orNone else {
            let name = choices[0]
            throw JSONError(path: name, mayBeNull ? "absent; null is written as such" : "absent")
        }
    }

    private func has(_ name: String) -> Bool {
        names.indices.contains { isThere[$0] && names[$0] == name }
    }
}

/// Bytes or null, in memory that is used again.
struct NullableBytes {
    private var bytes: [UInt8] = []
    private(set) var isNull = true

    /// How many there are; none of null.
    var byteCount: Int { bytes.count }

    mutating func setNull() {
        bytes.removeAll(keepingCapacity: true)
        isNull = true
    }

    fileprivate mutating func set(_ bytes: UnsafeRawBufferPointer) {
        setNull()
        self.bytes.append(contentsOf: bytes)
        isNull = false
    }

    /// Takes the bytes of a string, or null.
    fileprivate mutating func set(string value: JSONValue, _ name: String) throws(JSONError) {
        setNull()
        if value.isNull { return }
        guard let text = value.utf8 else { throw Self.mismatch(value, name) }
        text.withUnsafeBytes { bytes.append(contentsOf: $0) }
        isNull = false
    }

    /// Takes the bytes that a string stands for.
    fileprivate mutating func set(base64 value: JSONValue, _ name: String) throws(JSONError) {
        setNull()
        guard let text = value.utf8 else { throw Self.mismatch(value, name) }
        guard text.withUnsafeBytes({ Base64.decode($0, into: &bytes) }) else {
            throw JSONError(path: name, "no base 64, with its padding")
        }
        isNull = false
    }

    private static func mismatch(_ value: JSONValue, _ name: String) -> JSONError {
        JSONError(
            path: name,
            "\(value.article), where a string is needed; what is JSON itself goes into one"
        )
    }

    /// Lends them, nil for null.
    func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer?) throws -> Result
    ) rethrows -> Result {
        guard !isNull else { return try body(nil) }
        return try bytes.withUnsafeBytes { try body($0) }
    }
}
