import Bytes
import Foundation

/// A JSON value whose integers are exact.
indirect enum JSON: Hashable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// A member of an object; nil where there is none.
    subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    static func base64(_ bytes: [UInt8]) -> JSON { .string(Data(bytes).base64EncodedString()) }

    static func base64(_ bytes: UnsafeRawBufferPointer?) -> JSON {
        bytes.map { base64(Array($0)) } ?? .null
    }

    static func string(_ bytes: UnsafeRawBufferPointer) -> JSON {
        .string(String(decoding: bytes, as: UTF8.self))
    }
}

/// Why a golden file cannot be used at all.
enum GoldenError: Error {
    case malformedJSON(String)
    case unexpectedValue(String)
    case missingMember(String)
    case unreadableFile(String)
}

extension JSON {
    /// A member that must be there.
    func member(_ name: String) throws(GoldenError) -> JSON {
        guard let value = self[name] else { throw .missingMember(name) }
        return value
    }

    func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) throws(GoldenError) -> Integer {
        guard case .integer(let value) = self, let exact = Integer(exactly: value) else {
            throw .unexpectedValue("\(self) where an integer is expected")
        }
        return exact
    }

    func boolean() throws(GoldenError) -> Bool {
        guard case .boolean(let value) = self else {
            throw .unexpectedValue("\(self) where true or false is expected")
        }
        return value
    }

    func double() throws(GoldenError) -> Double {
        switch self {
        case .double(let value): return value
        case .integer(let value): return Double(value)
        case .null, .boolean, .string, .array, .object:
            throw .unexpectedValue("\(self) where a number is expected")
        }
    }

    func string() throws(GoldenError) -> String {
        guard case .string(let value) = self else {
            throw .unexpectedValue("\(self) where text is expected")
        }
        return value
    }

    func array() throws(GoldenError) -> [JSON] {
        guard case .array(let values) = self else {
            throw .unexpectedValue("\(self) where an array is expected")
        }
        return values
    }

    func base64() throws(GoldenError) -> [UInt8] {
        guard let data = Data(base64Encoded: try string()) else {
            throw .unexpectedValue("\(self) where base64 is expected")
        }
        return Array(data)
    }

    func uniqueID() throws(GoldenError) -> UniqueID {
        guard let id = UniqueID(try string()) else {
            throw .unexpectedValue("\(self) where a UUID is expected")
        }
        return id
    }

    /// The bytes that lower-case hexadecimal text stands for.
    func hex() throws(GoldenError) -> [UInt8] {
        let digits = Array(try string().utf8)
        guard digits.count % 2 == 0 else { throw .unexpectedValue("an odd number of digits") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.digit(digits[index]), let low = Self.digit(digits[index + 1])
            else { throw .unexpectedValue("no hexadecimal digit") }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// Where `self`, the expected value, and `other` first differ; nil if they are equal.
    func difference(from other: JSON, at path: String = "") -> String? {
        switch (self, other) {
        case (.object(let expected), .object(let actual)):
            for name in Set(expected.keys).union(actual.keys).sorted() {
                guard let left = expected[name] else { return "\(path).\(name): not expected" }
                guard let right = actual[name] else { return "\(path).\(name): missing" }
                if let found = left.difference(from: right, at: "\(path).\(name)") {
                    return found
                }
            }
            return nil
        case (.array(let expected), .array(let actual)) where expected.count == actual.count:
            for (index, (left, right)) in zip(expected, actual).enumerated() {
                if let found = left.difference(from: right, at: "\(path)[\(index)]") {
                    return found
                }
            }
            return nil
        default:
            return self == other ? nil : "\(path): expected \(self), got \(other)"
        }
    }
}
