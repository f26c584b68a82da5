import Broker
import DirectoryAccess
import LogModel
import LogStorage
import Terminal

extension OpenLog {
    /// The topic of this name, or an error that names the nearest, and how to make one where
    /// that helps.
    func requireTopic(
        _ name: String,
        canBeMade: Bool = true
    ) throws(CommandFailure) -> Topic {
        if let topic = broker.topic(name) { return topic }
        if InternalTopic(rawValue: name) != nil {
            throw CommandFailure(
                "the topic '\(name)' is not there yet",
                place: directory,
                reason: "it is internal: it is made when a transaction or a group first needs it"
            )
        }
        let names = broker.topics().filter { !$0.isInternal }.map(\.name)
        throw place.missingTopic(name, among: names, canBeMade: canBeMade)
    }
}

extension LogPlace {
    /// There is no topic of this name; `names` are those that there are. Who reads or writes it
    /// may want to make it; who deletes it, or changes it, does not.
    func missingTopic(
        _ name: String,
        among names: [String],
        canBeMade: Bool = true
    ) -> CommandFailure {
        let hint = Suggestion.nearest(to: name, among: names)
        return CommandFailure(
            "the topic '\(name)' does not exist",
            place: "\(self)",
            reason: hint.map { "did you mean '\($0)'?" },
            next: hint == nil && canBeMade && TopicName.problem(with: name) == nil
                ? next("topic create \(argument: name) --partitions N") : next("topic list")
        )
    }

    /// Only the log itself writes to this topic.
    func internalTopic(_ name: String) -> CommandFailure {
        CommandFailure(
            "'\(name)' takes no records but the log's own",
            place: "\(self)",
            reason: "it is internal: what groups and transactions do is noted there",
            next: next("topic list")
        )
    }

    /// The partition of this number, or an error that says how many there are.
    func partition(
        _ index: Int,
        of topic: String,
        among partitions: [TopicPartition]
    ) throws(CommandFailure) -> TopicPartition {
        let name = TopicPartition(topic, PartitionIndex(Int32(clamping: index)))
        guard partitions.contains(name) else {
            throw CommandFailure(
                "the topic '\(topic)' has no partition \(index)",
                place: "\(self)",
                reason: "it has \(partitions.count), counted from 0",
                next: next("topic describe \(argument: topic)")
            )
        }
        return name
    }
}
