import CSimdJSON
public import Serdes

/// A JSON text, parsed and checked as a whole: well-formed, valid UTF-8, at most 1,024 deep.
///
///     let city = try JSONDocument(parsing: bytes).withRoot { $0["city"]?.string }
///
/// Its values are lent: the compiler refuses code that keeps one beyond the call. The parser
/// belongs to the thread and keeps its memory, so parsing allocates nothing once a thread has met
/// its largest document.
public struct JSONDocument: ~Copyable {
    private let parser: OpaquePointer

    /// Parses `bytes`, which are copied.
    ///
    /// - Throws: `SerdeError` where they are no JSON text.
    public init(parsing bytes: UnsafeRawBufferPointer) throws(SerdeError) {
        parser = try JSONParser.acquire(parsing: bytes)
    }

    /// Parses `bytes`, which are copied.
    ///
    /// - Throws: `SerdeError` where they are no JSON text.
    public init(parsing bytes: [UInt8]) throws(SerdeError) {
        parser = try bytes.withUnsafeBytes { bytes in
            Result { () throws(SerdeError) in try JSONParser.acquire(parsing: bytes) }
        }.get()
    }

    deinit { millrace_json_release(parser) }

    /// Lends the document's one value, and returns what `body` makes of it.
    public func withRoot<Result, Failure: Error>(
        _ body: (JSONValue) throws(Failure) -> Result
    ) throws(Failure) -> Result { try body(root) }

    /// The document's one value. Not public: of a document that nobody has named, this makes the
    /// compiler of Swift 6.3 crash.
    @usableFromInline var root: JSONValue {
        @_lifetime(borrow self) get { JSONValue(node, of: self) }
    }

    @usableFromInline var node: JSONNode { JSONParser.root(of: parser) }
}

/// The calls of the parser, for a lent document and for one that coders share.
enum JSONParser {
    /// A parser that holds the parsed text; it must be released.
    static func acquire(
        parsing bytes: UnsafeRawBufferPointer
    ) throws(SerdeError) -> OpaquePointer {
        let parser = try acquire()
        do { try parse(bytes, with: parser) } catch {
            millrace_json_release(parser)
            throw error
        }
        return parser
    }

    static func acquire() throws(SerdeError) -> OpaquePointer {
        guard let parser = millrace_json_acquire() else {
            throw SerdeError("no memory for a JSON parser")
        }
        return parser
    }

    static func parse(
        _ bytes: UnsafeRawBufferPointer,
        with parser: OpaquePointer
    ) throws(SerdeError) {
        let error = millrace_json_parse(parser, bytes.baseAddress, bytes.count)
        guard error == 0 else { throw refusal(of: bytes, error) }
    }

    /// SAFETY: a parsed document has a tape and strings; word 0 marks the root, the value follows.
    static func root(of parser: OpaquePointer) -> JSONNode {
        let document: UnsafeMutablePointer<millrace_json_document> = millrace_json_parsed(parser)
        return JSONNode(
            words: document.pointee.tape,
            index: 1,
            strings: UnsafeRawPointer(document.pointee.strings),
            parser: parser
        )
    }

    @inline(never)
    private static func refusal(of bytes: UnsafeRawBufferPointer, _ error: Int32) -> SerdeError {
        let fault = JSONSyntax.fault(in: bytes)
        return SerdeError("not JSON: \(fault ?? String(cString: millrace_json_error_text(error)))")
    }
}
