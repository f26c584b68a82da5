/// Why a JSON value is not what was asked for, and where it is.
public struct JSONError: Error, Equatable, CustomStringConvertible, Sendable {
    /// Where in the document, like `items[2].price`; empty for its root.
    public let path: String
    /// What is wrong there.
    public let reason: String

    /// An error at a place.
    public init(path: String = "", _ reason: String) {
        self.path = path
        self.reason = reason
    }

    /// The path and the reason.
    public var description: String { path.isEmpty ? reason : "\(path): \(reason)" }

    /// The error as it looks from one level further up; other errors keep their text.
    @usableFromInline @inline(never)
    static func at(_ place: String, _ error: any Error) -> JSONError {
        guard let error = error as? JSONError else { return JSONError(path: place, "\(error)") }
        let separator = error.path.isEmpty || error.path.hasPrefix("[") ? "" : "."
        return JSONError(path: place + separator + error.path, error.reason)
    }

    @usableFromInline @inline(never)
    static func absent(_ key: StaticString) -> JSONError { JSONError(path: "\(key)", "absent") }

    /// The reason of a number that JSON lacks.
    static func notFinite(_ value: String) -> String {
        "\(value), which JSON has no number for: leave the member out, or write a finite number"
    }

    /// What an Int64 holds, said where a number is none.
    @usableFromInline static let int64 = " from \(Int64.min) to \(Int64.max)"
    /// What a double holds.
    @usableFromInline static let double = " up to 1.8e308"

    /// The error of a value that is none of the wanted; `range` is said of numbers only.
    @usableFromInline @inline(never)
    static func mismatch(
        _ found: JSONNode,
        wanted: String,
        range: String = "",
        at key: StaticString = ""
    ) -> JSONError {
        let range = found.kind == .number ? range : ""
        return JSONError(path: "\(key)", "\(found.article), where \(wanted)\(range) is needed")
    }
}
