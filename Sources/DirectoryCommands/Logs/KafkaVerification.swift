import KafkaDirectory
import LogModel
import LogStorage
import Terminal

/// Verifies a directory of Kafka's: every batch and record of the chosen partitions.
enum KafkaVerification {
    static func run(
        _ directory: String,
        asJSON: Bool,
        isChosen: (TopicPartition) -> Bool
    ) throws(CommandFailure) -> ExitStatus {
        let kafka = try ImportCommand.open(directory)
        let chosen = kafka.partitions.filter { isChosen($0.name) }
        var totals = VerificationOutput.Totals(partitionCount: chosen.count)
        var output = VerificationOutput(asJSON: asJSON)
        let lost = kafka.lost.filter { isChosen($0.partition) }
        for finding in lost { output.add(.init(finding)) }
        let decided = DecidedTransactions(readableIn: kafka)
        // What is damaged of a partition that is verified is told with it.
        let unverified = decided.findings.filter { !isChosen($0.partition) }
        for finding in unverified { output.add(.init(Self.asNote(finding))) }
        var bar = ProgressBar("partitions verified")
        for (done, partition) in chosen.enumerated() {
            bar.update(done: done, total: chosen.count)
            let survey: PartitionSurvey
            do throws(DiskError) {
                survey = try PartitionSurvey(
                    partition,
                    disk: kafka.disk,
                    decided: decided.decisions(in: partition.name),
                    complete: decided.complete
                )
            } catch {
                output.add(.init(.unreadable(partition, error)))
                continue
            }
            for finding in survey.findings { output.add(.init(finding)) }
            totals.add(survey, of: partition)
        }
        bar.finish()
        output.end(totals)
        return output.damageCount == 0 ? .done : .failed
    }

    /// What the coordinator has decided is not what was to be verified: what cannot be read of it
    /// leaves transactions open that may have ended.
    private static func asNote(_ finding: KafkaFinding) -> KafkaFinding {
        var note = finding
        note.severity = .note
        note.reason += "; transactions whose ends are decided there are taken to be open"
        return note
    }
}

extension VerificationOutput.Finding {
    fileprivate init(_ finding: KafkaFinding) {
        self.init(
            isDamage: finding.severity == .damage,
            partition: finding.partition,
            file: finding.file,
            position: finding.position,
            offset: finding.offset,
            reason: finding.reason
        )
    }
}

extension VerificationOutput.Totals {
    fileprivate mutating func add(_ survey: PartitionSurvey, of partition: KafkaPartition) {
        segmentCount += partition.segments.count
        batchCount += survey.batchCount
        recordCount += survey.recordCount
        byteCount += survey.byteCount
    }
}
