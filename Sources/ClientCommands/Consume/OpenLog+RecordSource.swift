import Broker
import Coordination
import DirectoryAccess
import EmbeddedClient
import LogClient
import LogModel
import Terminal

/// Records of the log that this process has opened.
extension OpenLog: RecordSource {
    func topicNames() -> [String] {
        broker.topics().filter { !$0.isInternal }.map(\.name)
    }

    func partitions(of topic: String) throws(CommandFailure) -> [TopicPartition] {
        try requireTopic(topic).partitions.map(\.name)
    }

    func bounds(of partition: TopicPartition) throws -> PartitionBounds {
        try client.bounds(of: partition)
    }

    func offset(
        at time: Timestamp,
        in partition: TopicPartition,
        isolation: IsolationLevel
    ) throws -> Offset? {
        try broker.offset(forTimestamp: time, in: partition, isolation: isolation)
    }

    /// A job's group has its name: whoever reads as that group would move the job's own positions,
    /// and the job would pass over what it has not read.
    func requireReadable(group: String) throws(CommandFailure) {
        guard broker.jobGroups.contains(group) else { return }
        throw place.jobGroup(group)
    }

    func committedOffsets(
        group: String,
        partitions: [TopicPartition]
    ) throws -> [TopicPartition: Offset] {
        try client.committedOffsets(group: group, partitions: partitions)
    }

    func commitOffsets(group: String, _ offsets: [TopicPartition: Offset]) throws {
        let now = SystemTimeSource().wallTime()
        do throws(BrokerError) {
            try broker.commitOffsets(
                group: group,
                offsets.mapValues { CommittedOffset(offset: $0, commitTime: now) }
            )
        } catch {
            throw CommandFailure(
                "the group's positions are not noted",
                place: directory,
                data: directory,
                error
            )
        }
    }

    /// Nobody else can delete any.
    func goneTopics(among topics: Set<String>) -> Set<String> { [] }

    func forget(topic: String) {}

    func refuseDamage(of partition: TopicPartition, at offset: Offset) throws(DamageFound) {
        do throws(LogClientError) { try client.refuseDamage(of: partition, at: offset) } catch {
            var failure = CommandFailure(explaining: error, data: directory)
            failure.what = "\(partition) is damaged"
            failure.place = failure.place ?? directory
            throw DamageFound(failure: failure)
        }
    }

    func fetch(
        _ partition: TopicPartition,
        from offset: Offset,
        isolation: IsolationLevel,
        into buffer: FetchBuffer
    ) throws(FetchFailure) -> FetchResult {
        do throws(LogClientError) {
            return try client.fetch(partition, from: offset, isolation: isolation, into: buffer)
        } catch {
            var failure = CommandFailure(explaining: error, data: directory)
            if case .corrupt = error { failure.what = "\(partition) is damaged" }
            switch error {
            case .offsetOutOfRange(_, _, let bounds): throw .outOfRange(bounds)
            case .corrupt: throw .damaged(failure)
            default: throw .failed(failure)
            }
        }
    }

    func waitForChange(
        since signal: UInt64,
        of positions: [TopicPartition: Offset],
        isolation: IsolationLevel,
        timeout: Duration
    ) -> UInt64 {
        client.waitForChange(since: signal, timeout: timeout)
    }

    /// Nothing is fetched ahead here.
    func forgetFetched() {}

    /// One process owns the directory, so that nothing comes while this one waits.
    var waitingNote: String? {
        "all that is there was printed; no other process can add to \(directory) while this one "
            + "waits (Ctrl-C ends it, --until-end does not begin to wait)"
    }

    func faults(
        of partitions: [TopicPartition]
    ) -> [(partition: TopicPartition, failure: CommandFailure)] {
        faults { partitions.contains($0) }
    }
}

extension LogPlace {
    /// Nobody else may move the positions of a job.
    func jobGroup(_ group: String, toStartOver: Bool = false) -> CommandFailure {
        CommandFailure(
            "the group '\(group)' is that of the job '\(group)'",
            place: "\(self)",
            reason: "its positions are where the job goes on",
            next: toStartOver
                ? "run the job with --reset" : "--group \(shellWord("\(group)-reader"))"
        )
    }
}
