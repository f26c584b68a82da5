/// An answer as it is sent.
///
///     0  length of what follows   i32
///     4  correlation id           i32
///     8  tagged fields, none      u8, in flexible versions but those of ApiVersions
///        body
enum ResponseFrame {
    /// The header and the body's pieces; nil for more than a length can say.
    static func pieces(
        _ body: [[UInt8]],
        of request: RequestHeader,
        isFlexible: Bool
    ) -> [[UInt8]]? {
        let hasTags = isFlexible && request.apiKey != RequestHeader.apiVersions
        let byteCount = body.reduce(hasTags ? 5 : 4) { $0 + $1.count }
        guard let length = Int32(exactly: byteCount) else { return nil }
        var head: [UInt8] = []
        head.reserveCapacity(9)
        withUnsafeBytes(of: length.bigEndian) { head.append(contentsOf: $0) }
        withUnsafeBytes(of: request.correlationID.bigEndian) { head.append(contentsOf: $0) }
        if hasTags { head.append(0) }
        // A short body goes with its header.
        guard let first = body.first, body.count == 1, first.count <= 4096 else {
            return [head] + body
        }
        return [head + first]
    }

    /// A token without a header.
    static func bare(_ token: [[UInt8]]) -> [[UInt8]]? {
        guard let length = Int32(exactly: token.reduce(0) { $0 + $1.count }) else { return nil }
        return [withUnsafeBytes(of: length.bigEndian) { Array($0) }] + token
    }
}
