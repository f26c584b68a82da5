package import Bytes
import LogModel

/// A topic and its partitions, in order. It is its id: one made anew under the same name is
/// another one.
package struct Topic: Sendable {
    package var name: String
    package var id: UniqueID
    /// Kafka's topic options that were set.
    package var options: [String: String]
    package var partitions: [Partition]

    package var isInternal: Bool { InternalTopic(rawValue: name) != nil }

    /// Whether an option may not become this value in a topic that a job keeps its state in, or
    /// carries records through: these would go, or mean something else.
    package func mayNotChange(_ option: String, to value: String) -> Bool {
        guard options[TopicOptionName.owner] != nil else { return false }
        return switch option {
        case "cleanup.policy", TopicOptionName.owner: value != options[option]
        // Without one the job takes the records as they are: whoever says so knows that it can.
        case TopicOptionName.format: value != options[option] && !value.isEmpty
        case "retention.ms", "retention.bytes": value != "-1"
        // Windows and joins go by the times of the records that a repartition carries.
        case "message.timestamp.type": value != "CreateTime"
        // Inputs are committed that these records were made of.
        case "millrace.durability": value != "flushed"
        default: false
        }
    }

    func partition(_ index: PartitionIndex) -> Partition? {
        partitions.indices.contains(Int(index.rawValue)) ? partitions[Int(index.rawValue)] : nil
    }
}

/// The topics that the coordinators keep their records in.
package enum InternalTopic: String, Sendable, CaseIterable {
    case transactionState = "__transaction_state"
    case consumerOffsets = "__consumer_offsets"

    /// Kafka's options for it, but for small segments: each start reads all of it, and the cleaner
    /// takes no active one.
    var options: [String: String] {
        ["cleanup.policy": "compact", "segment.bytes": "1048576"]
    }
}
