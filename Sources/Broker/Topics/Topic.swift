import LogModel

/// A topic and its partitions, in order.
package struct Topic: Sendable {
    package var name: String
    /// Kafka's topic options that were set.
    package var options: [String: String]
    package var partitions: [Partition]

    package var isInternal: Bool { InternalTopic(rawValue: name) != nil }

    func partition(_ index: PartitionIndex) -> Partition? {
        partitions.indices.contains(Int(index.rawValue)) ? partitions[Int(index.rawValue)] : nil
    }
}

/// The topics that the coordinators keep their records in.
package enum InternalTopic: String, Sendable, CaseIterable {
    case transactionState = "__transaction_state"
    case consumerOffsets = "__consumer_offsets"

    /// Kafka's options for it; nothing compacts it yet.
    var options: [String: String] {
        switch self {
        case .transactionState, .consumerOffsets:
            ["cleanup.policy": "compact", "segment.bytes": "104857600"]
        }
    }
}
