import DirectoryAccess
import FileOwner
import Glibc
import LogClient
import LogModel
import Streams
import StreamsRuntime
import Terminal

/// Starting a job over: its stores, internal topics and positions go, its output stays.
///
/// The steps cannot be one, and stopping between them must not lead to results counted twice. So a
/// file, `<state>/<job>~reset`, is made first and removed last; a run that finds it repeats all.
struct JobReset {
    let topology: Topology
    let stateDirectory: String
    let client: any LogClient

    /// No job's name has a tilde, so that no job's folder is in the way.
    private var markerPath: String { "\(stateDirectory)/\(topology.job)~reset" }

    /// Whether an earlier reset did not come to its end.
    var isPending: Bool { access(markerPath, F_OK) == 0 }

    /// The topics of the job's own, which go: those that it has now, and those that say that they
    /// are its, from a time when it had others.
    func internalTopics() throws(LogClientError) -> Set<String> {
        let labels = topology.specification.labels
        let own = try client.topics(named: nil).filter { topic in
            let owner = topic.configuration[TopicLabel.ownerOption]
            return owner?.hasPrefix("\(topology.job)/") ?? (labels[topic.name] != nil)
        }
        return Set(own.map(\.name))
    }

    /// Resets the job.
    func run() throws(CommandFailure) {
        try checkOwners()
        try Folder.create(stateDirectory)
        try mark()
        do {
            try forgetPositions()
            try deleteInternalTopics()
        } catch {
            throw CommandFailure(
                "the job \(topology.job) was not reset",
                reason: "\(error)",
                next: "run it again; the reset begins anew"
            )
        }
        try Folder.remove("\(stateDirectory)/\(topology.job)")
        guard unlink(markerPath) == 0 else { throw Folder.failure("remove", markerPath) }
        // Before the job commits anything: the mark must not come back and have it start over.
        try Folder.flush(stateDirectory)
    }

    /// A sentence for each topic with dead letters of before: their records are read again, and a
    /// replay would bring them a second time.
    func letterNotes(now: Timestamp, commandOptions: String) -> [String] {
        topology.specification.deadLetterTopics.filter(hasRecords).map { topic in
            let condition = "job=\"\(topology.job)\" and until=\(utcText(now))"
            let drop = "millrace dlq drop \(shellWord(topic)) --where \(shellWord(condition)) "
            return "the topic \(topic) has dead letters of before this reset, which reads their "
                + "records again: a replay would bring them a second time. Give them up: \(drop)"
                + "--reason reset \(commandOptions)"
        }
    }

    /// Nothing depends on it: what cannot be asked has none.
    private func hasRecords(_ topic: String) -> Bool {
        let found = (try? client.topics(named: [topic])) ?? []
        return found.contains { description in
            (0..<description.partitionCount).contains { index in
                let bounds = try? client.bounds(of: TopicPartition(topic, PartitionIndex(index)))
                return bounds.map { $0.highWatermark > $0.logStart } ?? false
            }
        }
    }

    /// Another job's topic, which this one would need for itself, stays.
    private func checkOwners() throws(CommandFailure) {
        do {
            try TopologyPlan.checkOwners(
                topology.specification.labels,
                existing: client.topics(named: nil)
            )
        } catch {
            throw CommandFailure("the job \(topology.job) was not reset", reason: "\(error)")
        }
    }

    private func mark() throws(CommandFailure) {
        // One of a reset that was interrupted is taken as it is.
        var descriptor = open(markerPath, O_WRONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT {
            descriptor = FileOwner.make(markerPath, O_WRONLY, mode: 0o644)
        }
        guard descriptor >= 0 else { throw Folder.failure("create", markerPath) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Folder.failure("flush", markerPath) }
        // Before the positions go: without the mark the stores would be believed.
        try Folder.flush(stateDirectory)
    }

    /// Commits the start of each input, as the job's own producer would, which fences one that
    /// might still run. Repartition topics are made anew, so they start at 0.
    private func forgetPositions() throws(LogClientError) {
        let specification = topology.specification
        let external = Set(specification.subtopologies.flatMap(\.externalTopics))
        let repartitions = specification.subtopologies.flatMap(\.repartitions)
            .map { specification.names.repartitionTopic(via: $0) }
        var offsets: [TopicPartition: InputPosition] = [:]
        for topic in try client.topics(named: external.sorted() + repartitions.sorted()) {
            for index in 0..<topic.partitionCount {
                let partition = TopicPartition(topic.name, PartitionIndex(index))
                let isExternal = external.contains(topic.name)
                let start = isExternal ? try client.bounds(of: partition).logStart : .zero
                offsets[partition] = InputPosition(start, of: topic.id)
            }
        }
        try forgetOtherInputs(than: Set(offsets.keys.map(\.topic)))
        guard !offsets.isEmpty else { return }
        let producer = try client.makeTransactionalProducer(
            transactionalID: "\(topology.job)-0",
            transactionTimeout: .seconds(60)
        )
        defer { producer.close() }
        try producer.addOffsets(offsets, group: topology.job)
        try producer.commit()
    }

    /// What earlier forms of the job have read begins anew, too, should it be read again.
    private func forgetOtherInputs(than current: Set<String>) throws(LogClientError) {
        let others = try client.topics(named: nil).filter { !current.contains($0.name) }
        let partitions = others.flatMap { topic in
            (0..<topic.partitionCount).map { TopicPartition(topic.name, PartitionIndex($0)) }
        }
        let known = try client.committedOffsets(group: topology.job, partitions: partitions)
        guard !known.isEmpty else { return }
        try client.forgetPositions(group: topology.job, partitions: Set(known.keys))
    }

    private func deleteInternalTopics() throws(LogClientError) {
        for topic in try client.topics(named: internalTopics().sorted()) {
            try client.deleteTopic(topic.name)
        }
    }
}
