/// A record that an operator holds back, as the value of its store: the length of the record's
/// headers (4 bytes, big-endian), the headers, the content.
enum HeldRecord {
    /// Begins a value; its content is to follow.
    static func begin(_ headers: UnsafeRawBufferPointer?, in sink: inout ByteSink) {
        sink.removeAll()
        sink.append(bigEndian: UInt32(headers?.count ?? 0))
        if let headers { sink.append(contentsOf: headers) }
    }

    static func headers(of bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let length = headersLength(of: bytes)
        return UnsafeRawBufferPointer(rebasing: bytes.from(bytes.count < 4 ? 0 : 4)[..<length])
    }

    static func content(of bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        bytes.from(min(bytes.count, 4 + headersLength(of: bytes)))
    }

    /// The length that stands first, within what follows it.
    private static func headersLength(of bytes: UnsafeRawBufferPointer) -> Int {
        guard bytes.count >= 4 else { return 0 }
        return min(Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))), bytes.count - 4)
    }
}
