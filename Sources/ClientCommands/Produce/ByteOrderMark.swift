import Terminal

/// What editors and tools of some systems write in front of a text.
enum ByteOrderMark {
    private static let utf8: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let others: [(bytes: [UInt8], encoding: String)] = [
        ([0xFF, 0xFE], "UTF-16"), ([0xFE, 0xFF], "UTF-16"),
    ]

    /// The first line of an input of JSON without the mark of UTF-8; that of another encoding is
    /// refused.
    static func drop(
        from line: UnsafeRawBufferPointer,
        of input: String
    ) throws(CommandFailure) -> UnsafeRawBufferPointer {
        if line.starts(with: utf8) { return UnsafeRawBufferPointer(rebasing: line[utf8.count...]) }
        guard let other = others.first(where: { line.starts(with: $0.bytes) }) else { return line }
        throw CommandFailure(
            "the input is \(other.encoding)",
            place: input,
            reason: "it begins with that encoding's byte order mark, and JSON is UTF-8 here",
            next: "iconv -f \(other.encoding) -t UTF-8, and give what that prints"
        )
    }
}
