import DirectoryAccess
import LogModel
import Terminal

/// A topic was deleted while it was read.
struct TopicGone: Error {
    let topic: String
    let failure: CommandFailure
}

/// What becomes of a topic that is not there any more.
extension Consumer {
    /// Leaves all partitions of the topic and their positions, which mean nothing in another one of
    /// the name. Where more is waited for, that one is read from its beginning.
    ///
    /// - Returns: whether another one is read now.
    mutating func giveUp(_ gone: TopicGone) throws -> Bool {
        let topic = gone.topic
        guard let first = partitions.first(where: { $0.topic == topic }) else { return false }
        log.forget(topic: topic)
        goneTopics.insert(topic)
        for partition in partitions where partition.topic == topic {
            positions[partition] = nil
            passedOver[partition] = nil
            regained[partition] = nil
            finished.remove(partition)
            heldUp.forget(partition)
            leaderless.end(partition)
            progress.forget(partition)
        }
        partitions.removeAll { $0.topic == topic }
        chosen.removeAll { $0.topic == topic }
        failures.append((first, gone.failure))
        let isBack = !plan.endsAtEnd && shape.now().contains { $0.topic == topic }
        let isLast = unfinished.isEmpty
        if isBack || !isLast || failures.count > 1 {
            TextOutput.error.write(
                gone.failure.warning(isLast ? "" : "; the other partitions are read on") + "\n"
            )
        }
        return try isBack && takeNewPartitions(atOnce: true)
    }
}
