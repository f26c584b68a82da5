import KafkaWire
import UnservedAPIs

/// Every message that has a type here, served or not, by Kafka's name.
let goldenMessages: [String: any GoldenTopMessage.Type] =
    kafkaWireMessages
    .merging(unservedAPIsMessages) { served, _ in served }
    .merging(kafkaRecordsMessages) { wire, _ in wire }

extension WireAPI {
    private static let unservedByKey = Dictionary(
        uniqueKeysWithValues: unserved.map { ($0.key, $0) }
    )

    /// The API of that number, served or not.
    static func known(_ key: Int16) -> WireAPI? { named(by: key) ?? unservedByKey[key] }

    /// Whether Kafka has the API and no listener here serves it.
    static func isUnserved(_ key: Int16) -> Bool { unservedByKey[key] != nil }
}
