package import LogClient
import LogModel

/// Whether a topic of a job's own holds records that the job would read: those of a changelog at
/// the next restore, those of a repartition topic behind the job's positions.
package struct LeftRecords {
    private let client: any LogClient
    private let fetchByteCount = 1 << 20

    package init(client: any LogClient) { self.client = client }

    /// Throws for the first topic that holds records in a format that the job has changed.
    func refuse(_ changes: [ChangedFormat]) throws {
        for change in changes where try isAny(of: change.label, in: change.topic) {
            throw PlanError.changedFormat(change)
        }
    }

    /// Throws for the first of these topics that holds records which the job has yet to process:
    /// their inputs are committed, and nobody would read them any more.
    func refuse(unread topics: [String], of job: String) throws {
        for topic in topics {
            // Of one that cannot be read nobody knows.
            let isLeft = (try? isAny(in: topic, behind: job)) ?? true
            if isLeft { throw PlanError.unreadRepartition(topic: topic) }
        }
    }

    private func isAny(of label: TopicLabel, in topic: String) throws -> Bool {
        switch label.purpose {
        case .store: try isAny(in: topic, behind: nil)
        case .repartition: try isAny(in: topic, behind: label.job)
        }
    }

    /// Whether the topic holds records, behind the positions of `group` if there is one.
    private func isAny(in topic: String, behind group: String?) throws -> Bool {
        guard let count = try client.topics(named: [topic]).first?.partitionCount else {
            return false
        }
        let partitions = (0..<count).map { TopicPartition(topic, PartitionIndex($0)) }
        let positions =
            try group.map { try client.committedOffsets(group: $0, partitions: partitions) } ?? [:]
        return try partitions.contains { partition in
            let bounds = try client.bounds(of: partition)
            let start = max(bounds.logStart, positions[partition] ?? bounds.logStart)
            return try isAny(in: partition, from: start, to: bounds.highWatermark)
        }
    }

    private func isAny(
        in partition: TopicPartition,
        from start: Offset,
        to end: Offset
    ) throws -> Bool {
        var reader = CommittedReader(
            partition: partition,
            position: start,
            fetchByteCount: fetchByteCount
        )
        while reader.position < end {
            // What an open transaction holds back may become visible.
            guard try reader.fetch(from: client) else { return true }
            while var batch = try reader.nextBatch() {
                while let record = try batch.next(of: reader) {
                    let offset = Offset(batch.baseOffset &+ Int64(record.offsetDelta))
                    if offset >= start { return true }
                }
                reader.finish(upTo: batch.nextOffset)
            }
        }
        return false
    }
}
