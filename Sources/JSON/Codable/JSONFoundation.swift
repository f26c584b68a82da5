#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The types whose JSON is not what their `Codable` says, as Foundation's coders have them by
/// default: a `Decimal` is a number with all its digits, a `URL` its text, `Data` its Base64.
///
/// `Date` (seconds since 2001-01-01 UTC) and `UUID` (its text) are what their `Codable` says. Every
/// other type passes by at the price of three comparisons of its identity.
enum JSONFoundation {
    /// The value, nil where the type is none of these.
    @inline(__always)
    static func read<Value>(_ type: Value.Type, from node: JSONNode) throws -> Value? {
        if type == Decimal.self { return try decimal(node) as? Value }
        if type == URL.self { return try url(node) as? Value }
        if type == Data.self { return try data(node) as? Value }
        return nil
    }

    /// Writes the value; false where the type is none of these.
    @inline(__always)
    static func write<Value>(_ value: Value, to text: JSONText) throws -> Bool {
        if Value.self == Decimal.self, let decimal = value as? Decimal {
            try text.number(decimal.description, isFinite: decimal.isFinite)
            return true
        }
        if Value.self == URL.self, let url = value as? URL {
            try text.string(url.absoluteString)
            return true
        }
        if Value.self == Data.self, let data = value as? Data {
            try text.string(data.base64EncodedString())
            return true
        }
        return false
    }

    @inline(never)
    private static func decimal(_ node: JSONNode) throws -> Decimal {
        guard node.kind == .number,
            let decimal = Decimal(string: String(decoding: node.numberText, as: UTF8.self)),
            decimal.isFinite
        else { throw node.mismatch("a number of up to 38 digits") }
        return decimal
    }

    @inline(never)
    private static func url(_ node: JSONNode) throws -> URL {
        guard let text = node.string, let url = URL(string: text) else {
            throw node.mismatch("a URL")
        }
        return url
    }

    @inline(never)
    private static func data(_ node: JSONNode) throws -> Data {
        guard let text = node.utf8, let data = Data(base64Encoded: Data(text)) else {
            throw node.mismatch("text in Base64")
        }
        return data
    }
}
