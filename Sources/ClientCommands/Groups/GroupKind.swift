import DirectoryAccess
import KafkaClient
import Terminal

/// Groups that have no positions as readers have them.
extension ServedLog {
    /// Refuses a group of another kind, which only the list of groups tells. Where that is not
    /// told, what is asked of the group next says what there is to say.
    func refuseOtherKind(_ name: String) throws(CommandFailure) {
        guard let groups = try? cluster.groups(),
            let group = groups.first(where: { $0.name == name })
        else { return }
        try refuseOtherKind(group)
    }

    func refuseOtherKind(_ group: ClusterGroup) throws(CommandFailure) {
        guard let words = group.kind.words else { return }
        throw CommandFailure(
            "the group '\(group.name)' is \(words)",
            place: "\(place)",
            reason: "it has no positions as groups of readers have them",
            next: group.kind.tool.map { "\($0) of Kafka shows and changes it" }
                ?? place.next("group list")
        )
    }
}

extension ClusterGroup.Kind {
    /// Nil for what the commands know.
    var words: String? {
        switch self {
        case .reader: nil
        case .share: "a share group"
        case .streams: "a group of Kafka Streams"
        case .other(let word): "a group of the kind '\(word)'"
        }
    }

    /// Kafka's word, for programs.
    var word: String {
        switch self {
        case .reader: "reader"
        case .share: "share"
        case .streams: "streams"
        case .other(let word): word
        }
    }

    fileprivate var tool: String? {
        switch self {
        case .share: "kafka-share-groups.sh"
        case .streams: "kafka-streams-groups.sh"
        case .reader, .other: nil
        }
    }
}
