import KafkaWire
import LogModel

/// The versions of each API that a server serves, as its answer to ApiVersions tells.
struct ServedVersions: Equatable {
    private let byKey: [Int16: ClosedRange<Int16>]

    init(_ response: ApiVersionsResponse) {
        var byKey: [Int16: ClosedRange<Int16>] = [:]
        for api in response.apiKeys where api.minVersion <= api.maxVersion {
            byKey[api.apiKey] = api.minVersion...api.maxVersion
        }
        self.byKey = byKey
    }

    /// The highest version that both sides have; nil with the reason where there is none.
    func choose(_ api: WireAPI, among ours: ClosedRange<Int16>) throws(Disagreement) -> Int16 {
        guard let theirs = byKey[api.key] else { throw .unknown }
        let version = min(ours.upperBound, theirs.upperBound)
        guard version >= ours.lowerBound, version >= theirs.lowerBound else {
            throw .apart(ours: ours, theirs: theirs)
        }
        return version
    }

    enum Disagreement: Error, Equatable {
        case unknown
        case apart(ours: ClosedRange<Int16>, theirs: ClosedRange<Int16>)

        var words: String {
            switch self {
            case .unknown: "it does not know it"
            case .apart(let ours, let theirs):
                "it has the versions \(theirs.lowerBound) to \(theirs.upperBound), this program "
                    + "has \(ours.lowerBound) to \(ours.upperBound)"
            }
        }
    }
}
