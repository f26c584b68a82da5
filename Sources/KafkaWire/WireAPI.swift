/// What the schemas say of one API: its number and name, and the versions of its messages.
package struct WireAPI: Hashable, Sendable {
    package let key: Int16
    /// Kafka's name, as `OffsetFetch`.
    package let name: String
    /// The versions that have a schema; a listener may serve fewer.
    package let versions: ClosedRange<Int16>
    /// The first version with tagged fields and compact lengths; nil where there is none.
    package let firstFlexibleVersion: Int16?
    /// Whether the highest version may still change and is not to be advertised.
    package let isLatestVersionUnstable: Bool

    package init(
        _ key: Int16,
        _ name: String,
        _ versions: ClosedRange<Int16>,
        flexibleFrom firstFlexibleVersion: Int16?,
        isLatestVersionUnstable: Bool = false
    ) {
        self.key = key
        self.name = name
        self.versions = versions
        self.firstFlexibleVersion = firstFlexibleVersion
        self.isLatestVersionUnstable = isLatestVersionUnstable
    }

    /// Whether bodies of this version have tagged fields.
    package func isFlexible(_ version: Int16) -> Bool {
        guard let firstFlexibleVersion else { return false }
        return version >= firstFlexibleVersion
    }

    /// The version of the header in front of a request.
    package func requestHeaderVersion(_ version: Int16) -> Int16 { isFlexible(version) ? 2 : 1 }

    /// The version of the header in front of a response. That of ApiVersions is always 0, so that
    /// a client can read the answer whatever it asked with.
    package func responseHeaderVersion(_ version: Int16) -> Int16 {
        isFlexible(version) && key != Self.apiVersionsKey ? 1 : 0
    }

    private static let apiVersionsKey: Int16 = 18

    /// The API of that number; nil where there are no types for it.
    package static func named(by key: Int16) -> WireAPI? { byKey[key] }

    private static let byKey = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })
}
