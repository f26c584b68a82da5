import Broker
import Bytes
import LogModel

/// The topic that a request names: by its name, in newer versions by its id.
struct WireTopic: Equatable, Sendable {
    /// Empty where no topic has the id.
    let name: String
    /// The id that was sent; nil where a name was.
    let id: UniqueID?

    init(name: String) {
        self.name = name
        id = nil
    }

    init(id: UniqueID, _ topics: TopicSnapshot) {
        self.id = id
        name = id == .zero ? "" : topics.name(of: id) ?? ""
    }

    var isUnknown: Bool { id != nil && name.isEmpty }

    func partition(_ index: Int32) -> TopicPartition {
        TopicPartition(name, PartitionIndex(index))
    }

    /// What an answer says: the same that the request did.
    var answeredName: String { id == nil ? name : "" }
    var answeredID: UniqueID { id ?? .zero }
}
