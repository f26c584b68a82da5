import Bytes
import BrokerAPI

/// The header in front of each request.
///
///     0  API key          i16
///     2  version          i16
///     4  correlation id   i32
///     8  client id        nullable string with a length of 16 bits
///        tagged fields    in flexible versions
struct RequestHeader: Equatable, Sendable {
    enum Failure: Error, Equatable, Sendable {
        case unreadable
        case unknownAPI(Int16)
        case unservedVersion(Int16, of: Int16)
    }

    /// More tagged fields than this are no header of anybody's.
    private static let tagLimit = 16

    var apiKey: Int16
    var version: Int16
    var correlationID: Int32
    var clientID: String?
    /// Where the body begins.
    var byteCount: Int

    /// ApiVersions tells the versions, so it is answered in any, and its answer's header is always
    /// the one without tags.
    static let apiVersions: Int16 = 18

    init(reading frame: UnsafeRawBufferPointer, _ apis: [Int16: APIEntry]) throws(Failure) {
        var reader = ByteReader(frame)
        do throws(WireError) {
            apiKey = try reader.readInteger()
            version = try reader.readInteger()
            correlationID = try reader.readInteger()
        } catch { throw .unreadable }
        guard let api = apis[apiKey] else { throw .unknownAPI(apiKey) }
        let isServed = api.served.contains(version)
        guard isServed || apiKey == Self.apiVersions else {
            throw .unservedVersion(version, of: apiKey)
        }
        do throws(WireError) {
            clientID = try reader.readNullableString(isCompact: false)
            if isServed, api.isFlexible(version) { try Self.skipTags(&reader) }
        } catch { throw .unreadable }
        byteCount = reader.position
    }

    private static func skipTags(_ reader: inout ByteReader) throws(WireError) {
        let count = try reader.readTagCount()
        guard count <= tagLimit else { throw .impossibleLength(Int64(count)) }
        for _ in 0..<count {
            let tag = try reader.readTagHeader()
            _ = try reader.readSlice(tag.byteCount)
        }
    }
}

extension RequestHeader.Failure {
    /// For the log of a person who runs the server.
    var words: String {
        switch self {
        case .unreadable: "a request's header cannot be read"
        case .unknownAPI(let key): "the API \(key) is not known"
        case .unservedVersion(let version, let key):
            "version \(version) of the API \(key) is not served"
        }
    }
}
