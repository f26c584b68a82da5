import LogModel

/// How the rows of a store in a vector compare with the entries of ours.
struct StoreForm {
    let kind: String
    /// Whether windows are in the order of their keys.
    let isByKey: Bool
    let keyType: String
    let valueType: String

    /// Nil for a store whose entries are not compared.
    init?(kind: String, store: String, of form: DSLRunner.Form) {
        let isOfProcessor = form.id.hasPrefix("processor-")
        let first = form.outputs.sorted(by: { $0.key < $1.key }).first?.value
        let main = isOfProcessor ? nil : form.outputs["out"]
        guard let output = main ?? first else { return nil }
        isByKey = form.id.contains("-sliding") || isOfProcessor
        self.kind = kind
        keyType = form.id.contains("-int64-") ? "L" : "S"
        valueType =
            switch store {
            case "src", "t-store", "g-store": "S"
            case "seen": "L"
            default: form.id == "processor-kv-count" ? "L" : output.value
            }
        guard ["kv", "kv+ts", "window", "window+ts", "session"].contains(kind) else { return nil }
    }

    /// A row of the vector: key, window, value, and the timestamp where the store has one.
    func expected(_ row: JSON) throws -> String {
        let columns = try row.array()
        let text = try DSLCase.text(of: DSLCase.bytes(of: columns[1], type: valueType))
        let time = try columns.count > 2 ? "\(columns[2].integer(Int64.self))" : ""
        let key: String
        switch kind {
        case "window", "window+ts":
            key =
                try "\(self.key(columns[0].member("k"))) "
                + "\(columns[0].member("start").integer(Int64.self))"
        case "session":
            key =
                try "\(self.key(columns[0].member("k"))) "
                + "\(columns[0].member("start").integer(Int64.self)) "
                + "\(columns[0].member("end").integer(Int64.self))"
        default: key = try self.key(columns[0])
        }
        return "\(key) \(text) \(time)"
    }

    private func key(_ value: JSON) throws -> String {
        DSLCase.text(of: try DSLCase.bytes(of: value, type: keyType))
    }

    /// An entry of ours in the same form; nil for one that the store keeps for itself.
    func actual(_ key: [UInt8], _ value: [UInt8], _ timestamp: Timestamp) -> String? {
        let text = DSLCase.text(of: value)
        let time = kind.hasSuffix("+ts") ? "\(timestamp.rawValue)" : ""
        switch kind {
        case "window", "window+ts":
            guard key.first == 1 else { return nil }
            if isByKey {
                let end = key.count - 16
                return "\(DSLCase.text(of: Self.unescaped(key[1..<end]))) "
                    + "\(Self.time(key[end..<(end + 8)])) \(text) \(time)"
            }
            return "\(DSLCase.text(of: Array(key[9...]))) \(Self.time(key[1..<9])) \(text) \(time)"
        case "session":
            guard key.first == 1 else { return nil }
            // A processor's sessions are in the order of their ends.
            let start = key.count - 8
            let first = isByKey ? start - 8 : start
            let end = isByKey ? Self.time(key[first..<start]) : timestamp.rawValue
            return
                "\(DSLCase.text(of: Self.unescaped(key[1..<first]))) \(Self.time(key[start...])) "
                + "\(end) \(text) \(time)"
        default: return "\(DSLCase.text(of: key)) \(text) \(time)"
        }
    }

    static func time(_ bytes: ArraySlice<UInt8>) -> Int64 {
        Int64(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) } ^ 1 << 63)
    }

    /// A key whose zeros are 0 255 and which 0 0 ends.
    static func unescaped(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == 0 {
                if index + 1 < bytes.endIndex, bytes[index + 1] == 0 { break }
                index += 1
                result.append(0)
            } else {
                result.append(bytes[index])
            }
            index += 1
        }
        return result
    }
}
