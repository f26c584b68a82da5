import Bytes
import KafkaRecords
import KafkaWire

/// Frames as a client writes and reads them.
///
///     0  length of what follows   i32
///     4  request: API key i16, version i16, correlation id i32, client id, tags
///        response: correlation id i32, tags
///        body
enum ClientFrame {
    /// Why bytes are no answer, for a person.
    struct Nonsense: Error, Equatable {
        let words: String
    }

    /// The largest answer that is taken: more than any server sends at once by its defaults.
    static let byteLimit = 256 << 20

    /// A whole request with its length.
    static func request(
        _ api: WireAPI,
        version: Int16,
        correlation: Int32,
        body: [UInt8]
    ) throws(WireError) -> [UInt8] {
        var writer = ByteWriter()
        RequestHeader(
            requestApiKey: api.key,
            requestApiVersion: version,
            correlationID: correlation,
            clientID: "millrace"
        ).write(to: &writer, version: api.requestHeaderVersion(version))
        let head = try writer.finish()
        guard let length = Int32(exactly: head.count + body.count) else {
            throw .tooLong(head.count + body.count)
        }
        var frame: [UInt8] = []
        frame.reserveCapacity(4 + head.count + body.count)
        withUnsafeBytes(of: length.bigEndian) { frame.append(contentsOf: $0) }
        return frame + head + body
    }

    /// The length that four bytes announce.
    static func length(_ bytes: [UInt8]) throws(Nonsense) -> Int {
        let value = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        // What other protocols begin with reads as a length, and tells which it is.
        if let name = knownBegins.first(where: { bytes.starts(with: $0.key) })?.value {
            throw Nonsense(words: "it speaks \(name)")
        }
        guard value >= 4, value <= UInt32(byteLimit) else {
            throw Nonsense(words: "an answer begins with the length \(Int32(bitPattern: value))")
        }
        return Int(value)
    }

    private static let knownBegins: KeyValuePairs<[UInt8], String> = [
        Array("HTTP".utf8): "HTTP", Array("SSH-".utf8): "SSH",
        // An alert: the first thing that a listener with encryption says to a client without.
        [0x15, 0x03]: "TLS, which this program does not",
    ]

    /// Where the body of an answer begins.
    static func bodyStart(
        of frame: [UInt8],
        _ api: WireAPI,
        version: Int16,
        correlation: Int32
    ) throws(Nonsense) -> Int {
        let read = frame.withUnsafeBytes { bytes -> Result<(Int32, Int), WireError> in
            var reader = ByteReader(bytes)
            return Result { () throws(WireError) in
                let header = try ResponseHeader(
                    reading: &reader,
                    version: api.responseHeaderVersion(version)
                )
                return (header.correlationID, reader.position)
            }
        }
        guard case .success(let (number, start)) = read else {
            throw Nonsense(words: "the header of an answer cannot be read")
        }
        guard number == correlation else {
            throw Nonsense(words: "an answer is to another request than the one that was sent")
        }
        return start
    }

    /// The message that begins at `start`.
    static func decode<Message: KafkaMessage>(
        _ bytes: [UInt8],
        from start: Int = 0,
        version: Int16
    ) throws(WireError) -> Message {
        let read = bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[start...]))
            return Result { () throws(WireError) in
                try Message(reading: &reader, version: version)
            }
        }
        return try read.get()
    }
}
