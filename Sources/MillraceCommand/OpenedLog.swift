import Broker
import JobRunner
import LogModel
import LogStorage
import Terminal

/// Opens the log of an invocation for the time of `body`, and closes it whatever happens.
func withLog<Result>(
    _ invocation: Invocation,
    creates: Bool = false,
    _ body: (OpenLog) throws -> Result
) throws -> Result {
    let log = try OpenLog(invocation[DataDirectoryOption.parameter], creates: creates)
    let result = Swift.Result {
        try log.warnOfUnfinishedImports()
        return try body(log)
    }
    let closing = Swift.Result { try log.close() }
    let value = try result.mapError { error -> any Error in
        error is UsageError ? error : CommandFailure(explaining: error, data: log.directory)
    }.get()
    try closing.get()
    return value
}

extension OpenLog {
    /// Says which topics are not whole because the import that made them was killed.
    fileprivate func warnOfUnfinishedImports() throws(CommandFailure) {
        let entries = try unfinishedImports()
        let known = entries.filter { $0.id != nil }.map(\.name)
        if !known.isEmpty {
            TextOutput.error.write(
                "warning: an import was killed on its way; import again or delete what is not "
                    + "whole: \(known.joined(separator: ", "))\n"
            )
        }
        let unknown = entries.filter { $0.id == nil }.map(\.name)
        if !unknown.isEmpty {
            TextOutput.error.write(
                "warning: \(KafkaImport.words(ofUnknown: unknown))\n"
            )
        }
    }

    /// The topic of this name, or an error that names the nearest.
    func requireTopic(_ name: String) throws(CommandFailure) -> Topic {
        if let topic = broker.topic(name) { return topic }
        if InternalTopic(rawValue: name) != nil {
            throw CommandFailure(
                "the topic '\(name)' is not there yet",
                place: directory,
                reason: "it is internal: it is made when a transaction or a group first needs it"
            )
        }
        let names = broker.topics().filter { !$0.isInternal }.map(\.name)
        let hint = Suggestion.nearest(to: name, among: names)
        throw CommandFailure(
            "the topic '\(name)' does not exist",
            place: directory,
            reason: hint.map { "did you mean '\($0)'?" },
            next: hint == nil
                ? nextCommand("topic create \(shellWord(name)) --partitions N", data: directory)
                : nextCommand("topic list", data: directory)
        )
    }

    /// The partition, or an error that says how many there are.
    func requirePartition(_ index: Int, of topic: Topic) throws(CommandFailure) -> TopicPartition {
        guard index < topic.partitions.count else {
            throw CommandFailure(
                "the topic '\(topic.name)' has no partition \(index)",
                place: directory,
                reason: "it has \(topic.partitions.count), counted from 0",
                next: nextCommand("topic describe \(topic.name)", data: directory)
            )
        }
        return TopicPartition(topic.name, PartitionIndex(Int32(index)))
    }
}
