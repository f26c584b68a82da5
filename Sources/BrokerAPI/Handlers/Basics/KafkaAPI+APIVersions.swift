import KafkaWire
import LogModel

/// ApiVersions 0-4: what is served. In a version that nobody knows the answer is that of version 0
/// with UNSUPPORTED_VERSION and the versions of this API alone, as clients count on.
extension KafkaAPI {
    func apiVersions(_ request: APIRequest) -> APIAnswer {
        let own = APITable.entries[APITable.apiVersionsKey]
        guard let own, own.served.contains(request.version) else {
            var refusal = ApiVersionsResponse()
            refusal.errorCode = KafkaErrorCode.unsupportedVersion.rawValue
            refusal.apiKeys = own.map { [Self.advertised($0)] } ?? []
            return .encoding(refusal, version: 0)
        }
        switch decode(ApiVersionsRequest.self, request) {
        case .failure(let error): return .undecodable(error)
        case .success(let body):
            var response = ApiVersionsResponse()
            let names = [body.clientSoftwareName, body.clientSoftwareVersion]
            if request.version >= 3, !names.allSatisfy(Self.isSoftwareName) {
                response.errorCode = KafkaErrorCode.invalidRequest.rawValue
            } else {
                response.apiKeys = APITable.entries.values.sorted { $0.key < $1.key }
                    .map(Self.advertised)
                if request.version >= 3 { response.tell(APIFeature.all, request.version) }
            }
            return .encoding(response, version: request.version)
        }
    }

    private static func advertised(_ entry: APIEntry) -> ApiVersionsResponse.ApiVersion {
        ApiVersionsResponse.ApiVersion(
            apiKey: entry.key,
            minVersion: entry.advertised.lowerBound,
            maxVersion: entry.advertised.upperBound
        )
    }

    /// Letters and digits, with dashes and dots in between.
    private static func isSoftwareName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy {
                isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
