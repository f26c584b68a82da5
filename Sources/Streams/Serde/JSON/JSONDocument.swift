import CSimdJSON

/// A JSON text, parsed and checked as a whole: well-formed, valid UTF-8, at most 1,024 deep.
///
/// The parser belongs to the thread and keeps its memory, so parsing allocates nothing once a
/// thread has met its largest document.
public struct JSONDocument: ~Copyable {
    private let parser: OpaquePointer
    private let parsed: millrace_json_document

    /// Parses `bytes`, which are copied.
    ///
    /// - Throws: `SerdeError` where they are no JSON text.
    public init(parsing bytes: UnsafeRawBufferPointer) throws(SerdeError) {
        guard let parser = millrace_json_acquire() else {
            throw SerdeError("no memory for a JSON parser")
        }
        var document = millrace_json_document()
        let error = millrace_json_parse(parser, bytes.baseAddress, bytes.count, &document)
        guard error == 0 else {
            millrace_json_release(parser)
            throw SerdeError("not JSON: \(String(cString: millrace_json_error_text(error)))")
        }
        self.parser = parser
        parsed = document
    }

    deinit { millrace_json_release(parser) }

    /// The document's one value; valid while the document lives.
    public var root: JSONValue {
        // SAFETY: a parsed document has a tape and strings; word 0 marks the root, the value
        // follows it.
        JSONValue(
            document: parsed.tape,
            index: 1,
            strings: UnsafeRawPointer(parsed.strings)
        )
    }
}
