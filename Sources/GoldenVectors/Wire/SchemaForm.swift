import Bytes

/// A message of one version that is made from its schema, as bytes and as JSON.
struct SchemaForm {
    private struct Value {
        var json: JSON
        var bytes: [UInt8]
    }

    let json: JSON
    let bytes: [UInt8]

    init(_ schema: JSON, _ version: Int16, _ content: SchemaContent) throws {
        let maker = Maker(
            version: version,
            content: content,
            isFlexible: try SchemaVersions(schema["flexibleVersions"]).contains(version),
            commonStructs: try Self.commonStructs(schema)
        )
        let made = try maker.message(schema.member("fields").array())
        (json, bytes) = (made.json, made.bytes)
    }

    private static func commonStructs(_ schema: JSON) throws -> [String: JSON] {
        guard let common = schema["commonStructs"] else { return [:] }
        var structs: [String: JSON] = [:]
        for entry in try common.array() {
            structs[try entry.member("name").string()] = try entry.member("fields")
        }
        return structs
    }

    private struct Maker {
        let version: Int16
        let content: SchemaContent
        let isFlexible: Bool
        let commonStructs: [String: JSON]

        func message(_ fields: [JSON]) throws -> Value {
            var members: [String: JSON] = [:]
            var bytes: [UInt8] = []
            var tags: [(tag: UInt32, bytes: [UInt8])] = []
            for field in fields where try SchemaVersions(field["versions"]).contains(version) {
                let name = try field.member("name").string()
                let key = name.prefix(1).lowercased() + name.dropFirst()
                let isTagged = try SchemaVersions(field["taggedVersions"]).contains(version)
                guard let value = try value(of: field, isTagged: isTagged) else { continue }
                members[key] = value.json
                if isTagged {
                    tags.append((try field.member("tag").integer(UInt32.self), value.bytes))
                } else {
                    bytes += value.bytes
                }
            }
            if isFlexible {
                bytes += Self.varint(UInt64(tags.count))
                for (tag, content) in tags.sorted(by: { $0.tag < $1.tag }) {
                    bytes += Self.varint(UInt64(tag)) + Self.varint(UInt64(content.count)) + content
                }
            }
            return Value(json: .object(members), bytes: bytes)
        }

        /// Nil for a tagged field at its default, which is not written.
        private func value(of field: JSON, isTagged: Bool) throws -> Value? {
            let isNullable = try SchemaVersions(field["nullableVersions"]).contains(version)
            let type = try field.member("type").string()
            let isNullByDefault = field["default"] == .string("null")
            let isCompact =
                field["flexibleVersions"] == nil
                ? isFlexible : try SchemaVersions(field["flexibleVersions"]).contains(version)
            switch content {
            case .defaults:
                if isTagged { return nil }
                if isNullByDefault, isNullable { return null(type, isCompact, isTagged: false) }
            case .nulls:
                if isTagged, isNullByDefault || !isNullable { return nil }
                if isNullable { return null(type, isCompact, isTagged: isTagged) }
            case .filled: break
            }
            let isStruct = !type.hasPrefix("[]") && !Self.scalars.contains(type)
            var value = try present(type, field, isCompact)
            if isStruct, isNullable { value.bytes = [1] + value.bytes }
            return value
        }

        private func null(_ type: String, _ isCompact: Bool, isTagged: Bool) -> Value {
            let bytes: [UInt8] =
                if type.hasPrefix("[]") || ["bytes", "records"].contains(type) {
                    isCompact ? [0] : [0xFF, 0xFF, 0xFF, 0xFF]
                } else if type == "string" {
                    isCompact ? [0] : [0xFF, 0xFF]
                } else {
                    [isTagged ? 0 : 0xFF]
                }
            return Value(json: .null, bytes: bytes)
        }

        private func present(_ type: String, _ field: JSON, _ isCompact: Bool) throws -> Value {
            if type.hasPrefix("[]") {
                let element = String(type.dropFirst(2))
                // Entries of maps would have to differ: one is enough.
                let count = content == .filled ? 1 : 0
                var items: [Value] = []
                for _ in 0..<count { items.append(try present(element, field, isCompact)) }
                let length =
                    isCompact ? Self.varint(UInt64(count) + 1) : Self.big(Int32(count))
                return Value(
                    json: .array(items.map(\.json)),
                    bytes: length + items.flatMap(\.bytes)
                )
            }
            if Self.scalars.contains(type) { return try scalar(type, field, isCompact) }
            guard let fields = field["fields"] ?? commonStructs[type] else {
                throw GoldenError.unexpectedValue("the type \(type)")
            }
            return try message(fields.array())
        }

        private static let scalars: Set<String> = [
            "bool", "int8", "int16", "uint16", "int32", "uint32", "int64", "float64", "string",
            "bytes", "records", "uuid",
        ]

        private func scalar(_ type: String, _ field: JSON, _ isCompact: Bool) throws -> Value {
            // Of an array the default is of the whole.
            let isElement = try field.member("type").string().hasPrefix("[]")
            let text = isElement ? nil : try field["default"]?.string()
            let isFilled = content == .filled
            switch type {
            case "bool":
                let value = (text == "true") != isFilled
                return Value(json: .boolean(value), bytes: [value ? 1 : 0])
            case "float64":
                let value = isFilled ? 1.5 : Double(text ?? "0") ?? 0
                return Value(json: .double(value), bytes: Self.big(value.bitPattern))
            case "string":
                let value = isFilled ? "f\u{fc}nf" : text == "null" ? "" : text ?? ""
                let count = value.utf8.count
                let length = isCompact ? Self.varint(UInt64(count) + 1) : Self.big(Int16(count))
                return Value(json: .string(value), bytes: length + Array(value.utf8))
            case "bytes", "records":
                let value: [UInt8] = isFilled ? [1, 2, 3] : []
                let length =
                    isCompact ? Self.varint(UInt64(value.count) + 1) : Self.big(Int32(value.count))
                return Value(json: .base64(value), bytes: length + value)
            case "uuid":
                let id = isFilled ? UniqueID(high: 1, low: 2) : .zero
                return Value(
                    json: .string(id.description),
                    bytes: isFilled
                        ? Self.big(UInt64(1)) + Self.big(UInt64(2))
                        : [UInt8](repeating: 0, count: 16)
                )
            default: return try integer(type, Self.number(text), isFilled)
            }
        }

        private func integer(_ type: String, _ standard: Int64, _ isFilled: Bool) throws -> Value {
            let value = isFilled ? standard == 42 ? 43 : 42 : standard
            let bytes: [UInt8] =
                switch type {
                case "int8": Self.big(Int8(truncatingIfNeeded: value))
                case "int16", "uint16": Self.big(Int16(truncatingIfNeeded: value))
                case "int32", "uint32": Self.big(Int32(truncatingIfNeeded: value))
                default: Self.big(value)
                }
            return Value(json: .integer(value), bytes: bytes)
        }

        private static func number(_ text: String?) -> Int64 {
            guard let text else { return 0 }
            if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16) ?? 0 }
            return Int64(text) ?? 0
        }

        private static func big(_ value: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: value.bigEndian) { Array($0) }
        }

        private static func varint(_ value: UInt64) -> [UInt8] {
            var (rest, bytes) = (value, [UInt8]())
            while rest > 0x7F {
                bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            return bytes + [UInt8(rest)]
        }
    }
}
