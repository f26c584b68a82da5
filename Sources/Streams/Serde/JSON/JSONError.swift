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

    /// The error of a value that is none of the wanted.
    @usableFromInline @inline(never)
    static func mismatch(
        _ found: JSONValue,
        wanted: String,
        at key: StaticString = ""
    ) -> JSONError {
        JSONError(path: "\(key)", "\(found.article), where \(wanted) is needed")
    }
}
