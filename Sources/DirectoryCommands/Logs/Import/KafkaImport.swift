import Broker
import Bytes
import Coordination
import DirectoryAccess
import KafkaDirectory
import LogModel
import LogStorage
import StreamsRuntime
import Terminal

/// Somebody asked the import to end before it was done.
struct ImportStopped: Error {}

/// Copies topics of a Kafka directory into a log of ours: makes them, fills them partition by
/// partition, then commits the groups' positions.
///
/// A topic that is being filled stands in the ledger of its directory. When the import fails, the
/// topics that it made are removed; when it is killed, the next one finds them in the ledger,
/// removes them and begins anew.
struct KafkaImport {
    let source: KafkaDirectory
    let log: OpenLog
    let request: ImportRequest
    let time: any TimeSource
    private let stop = StopSwitch()

    private var ledger: ImportLedger {
        ImportLedger(disk: log.broker.disk, directory: log.directory)
    }
    /// Positions committed in one batch.
    private static let commitCount = 1000

    init(source: KafkaDirectory, log: OpenLog, request: ImportRequest, time: any TimeSource) {
        self.source = source
        self.log = log
        self.request = request
        self.time = time
    }

    /// Ends the import at its next batch; what it made is removed.
    func requestStop() { stop.request() }

    /// Does it all; what to tell is in the report.
    ///
    /// - Parameter progress: told in front of each partition how many are done, and of how many.
    func run(progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) throws -> ImportReport {
        var report = ImportReport()
        let found = try log.unfinishedImports()
        let unfinished = found.filter { $0.id != nil }.map(\.name)
        let unknown = found.filter { $0.id == nil }.map(\.name)
        let plan = try ImportPlan(
            directory: source,
            request: request,
            existing: log.broker.topics().map(\.name).filter { !unfinished.contains($0) },
            makeID: log.broker.makeTopicID
        )
        report.notes += plan.notes
        let brought = Set(plan.topics.map(\.name))
        report.findings += source.lost.filter { finding in
            let topic = finding.partition.topic
            return brought.contains(topic) || KafkaPartition.isInternal(topic)
                || request.topics.map { $0.contains(topic) } ?? true
        }
        try remove(unfinished, &report)
        if !unknown.isEmpty { report.notes.append(OpenLog.words(ofUnknownImports: unknown)) }
        try ledger.begin(plan.topics.map { .init(name: $0.name, id: $0.id) })
        do {
            let decided = try DecidedTransactions(source)
            report.findings += decided.findings
            let total = plan.topics.map(\.partitions.count).reduce(0, +)
            var done = 0
            for topic in plan.topics {
                let notes = plan.translation(ofNotesIn: topic.name)
                try copy(topic, decided, notes, &report) {
                    progress(done, total)
                    done += 1
                }
            }
            noteWhatMayBeCut(plan, &report)
            try commitGroups(decided, &report)
            // A broker that was started meanwhile may have changed what was being read.
            try source.refuseRunningBroker()
            try refuseStopped()
        } catch {
            try undo(plan)
            throw error
        }
        try ledger.end()
        return report
    }

    private func refuseStopped() throws(ImportStopped) {
        if stop.isRequested { throw ImportStopped() }
    }

    /// Removes the topics of an import that was killed; their ids were compared.
    private func remove(_ unfinished: [String], _ report: inout ImportReport) throws {
        guard !unfinished.isEmpty else { return }
        for name in unfinished { try log.broker.deleteTopic(name) }
        report.notes.append(
            "an import was killed on its way: what it had brought of "
                + "\(unfinished.joined(separator: ", ")) was removed"
        )
    }

    /// Removes what this import made. Should that fail as well, the ledger stays and tells of it.
    private func undo(_ plan: ImportPlan) throws(CommandFailure) {
        do {
            for topic in plan.topics
            where log.broker.topic(topic.name)?.id == topic.id {
                try log.broker.deleteTopic(topic.name)
            }
            try ledger.end()
        } catch {
            throw CommandFailure(
                "the import failed, and the topics that it had begun cannot be removed",
                place: log.directory,
                reason: "\((error as? BrokerError)?.description ?? "the disk failed")",
                next: "the next import begins with removing them"
            )
        }
    }

    private func copy(
        _ topic: ImportPlan.PlannedTopic,
        _ decided: DecidedTransactions,
        _ notes: NoteTranslation?,
        _ report: inout ImportReport,
        nextPartition: () -> Void
    ) throws {
        try log.broker.createTopic(
            topic.name,
            id: topic.id,
            partitionCount: topic.partitionCount,
            options: topic.options
        )
        var line = ImportReport.TopicLine(
            name: topic.name,
            partitionCount: Int(topic.partitionCount)
        )
        for partition in topic.partitions {
            nextPartition()
            let survey = try PartitionSurvey(
                partition,
                disk: source.disk,
                decided: decided.decisions(in: partition.name),
                complete: decided.complete,
                // The next start here ends what is brought as it lies.
                endsOpen: !request.isRaw
            ) { stop.isRequested }
            try refuseStopped()
            let copying = PartitionImport(
                broker: log.broker,
                partition: partition,
                survey: survey,
                isRaw: request.isRaw,
                notes: notes,
                stop: stop
            )
            let outcome = try copying.run(disk: source.disk)
            line.add(outcome, of: partition.name)
            report.add(
                outcome,
                of: partition.name,
                isDecided: source.holdsAllDecisions && !survey.hasLostEnds
            )
        }
        for index in 0..<topic.partitionCount {
            let name = TopicPartition(topic.name, PartitionIndex(index))
            report.ends[name] = report.ends[name] ?? .zero
        }
        report.topics.append(line)
    }

    /// Records that not all replicas have were never committed, and a leader that was elected
    /// without them cuts them. Only the cluster knows.
    private func noteWhatMayBeCut(_ plan: ImportPlan, _ report: inout ImportReport) {
        var places: [String] = []
        for topic in plan.topics {
            guard source.metadata?.topics[topic.name]?.replicaCount ?? 2 > 1 else { continue }
            for partition in topic.partitions {
                guard let end = report.ends[partition.name], let mark = partition.highWatermark,
                    mark < end
                else { continue }
                places.append("\(partition.name) from offset \(mark.rawValue) on")
            }
        }
        guard !places.isEmpty else { return }
        let some = places.prefix(5).joined(separator: ", ")
        let rest = places.count > 5 ? " and \(places.count - 5) more" : ""
        report.notes.append(
            "not known to be on all replicas when this broker looked last: \(some)\(rest); a "
                + "cluster that went on without it may have other records there"
        )
    }

    /// The ids of Kafka's topics, by partition.
    private var topicIDs: [TopicPartition: UniqueID] {
        var ids: [TopicPartition: UniqueID] = [:]
        for partition in source.partitions { ids[partition.name] = partition.topicID }
        return ids
    }

    private func commitGroups(
        _ decided: DecidedTransactions,
        _ report: inout ImportReport
    ) throws {
        try refuseStopped()
        let groups = try GroupImport(source, decided: decided)
        report.findings += groups.findings
        if groups.unreadableCount > 0 {
            report.notes.append(
                "\(groups.unreadableCount) records of groups' positions cannot be read"
            )
        }
        for (group, partitions) in groups.undecided.sorted(by: { $0.key < $1.key }) {
            report.addUndecided(
                partitions.count { report.ends[$0] != nil },
                of: group.text,
                isDecided: source.holdsAllDecisions && groups.findings.isEmpty
            )
        }
        let (commits, cutCount, shortened) = groups.commits(
            ends: report.ends,
            ids: topicIDs,
            now: time.wallTime()
        )
        for group in shortened {
            report.notes.append(
                "the group \(group) had metadata of more than "
                    + "\(grouped(GroupOffsets.metadataLengthLimit)) characters at positions: these "
                    + "came over without it"
            )
        }
        for (group, offsets) in commits.sorted(by: { $0.key < $1.key }) {
            let names = offsets.keys.sorted()
            for start in stride(from: 0, to: names.count, by: Self.commitCount) {
                let some = Set(names[start..<min(start + Self.commitCount, names.count)])
                try log.broker.commitOffsets(
                    group: group.text,
                    offsets.filter { some.contains($0.key) }
                )
            }
            report.groupCount += 1
            report.positionCount += names.count
        }
        if cutCount > 0 {
            report.notes.append(
                "positions of groups that lay behind what was brought and were set to its end: "
                    + grouped(cutCount)
            )
        }
    }
}
