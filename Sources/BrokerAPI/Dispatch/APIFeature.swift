import KafkaWire

/// A behaviour of the whole server that clients look for, beside the versions of the APIs: Kafka's
/// features. Each is final here: nobody raises or lowers it.
struct APIFeature: Sendable {
    let name: String
    /// The levels that there are.
    let supported: ClosedRange<Int16>
    /// The one that holds.
    let level: Int16

    static let all = [
        // 1: the groups whose partitions the coordinator assigns (KIP-848).
        APIFeature(name: "group.version", supported: 0...1, level: 1)
    ]

    /// Of the levels' state, which never changes while a server runs.
    static let epoch: Int64 = 1
}

extension ApiVersionsResponse {
    /// Older Java clients fail at a feature whose lowest level is 0 (KAFKA-17492): below version 4
    /// such ones are not named among those that are supported.
    mutating func tell(_ features: [APIFeature], _ version: Int16) {
        supportedFeatures = features.filter { version >= 4 || $0.supported.lowerBound > 0 }.map {
            .init(
                name: $0.name,
                minVersion: $0.supported.lowerBound,
                maxVersion: $0.supported.upperBound
            )
        }
        finalizedFeaturesEpoch = APIFeature.epoch
        finalizedFeatures = features.map {
            .init(name: $0.name, maxVersionLevel: $0.level, minVersionLevel: $0.level)
        }
    }
}
