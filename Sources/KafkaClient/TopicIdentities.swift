package import Bytes

/// Which topic each name stood for when it was first met; pure.
///
/// A topic that is made anew under the name of one that was deleted has another id. Whoever reads
/// on goes by the id that he began with: offsets of the one mean nothing in the other.
package struct TopicIdentities {
    /// What is told of a name now.
    package enum Standing: Equatable {
        /// It is the topic that it was; also where a server tells no ids.
        case same
        /// There is none of the name, or another one.
        case gone
    }

    private var ids: [String: UniqueID] = [:]
    /// Topics that were given up: a node that has not heard of their end yet tells of them.
    private var over: Set<UniqueID> = []

    package init() {}

    /// The id of the topic that is meant by a name; nil where no server has told one.
    package func id(of name: String) -> UniqueID? { ids[name] }

    /// Takes the id that a server tells: the first one stays.
    package mutating func note(_ name: String, _ id: UniqueID) {
        guard id != .zero, ids[name] == nil, !over.contains(id) else { return }
        ids[name] = id
    }

    /// Whether that is a topic that was given up.
    package func isOver(_ id: UniqueID) -> Bool { over.contains(id) }

    /// How a name stands, of which a server tells this id: zero where it tells none.
    package func standing(of name: String, as id: UniqueID) -> Standing {
        if over.contains(id) { return .gone }
        guard id != .zero, let known = ids[name] else { return .same }
        return known == id ? .same : .gone
    }

    /// Gives up the topic that was meant: the next one of the name is taken for it.
    package mutating func forget(_ name: String) {
        if let id = ids.removeValue(forKey: name) { over.insert(id) }
    }
}
