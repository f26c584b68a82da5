import KafkaDirectory
import LogModel
import LogStorage
import Terminal

/// Verifies a directory of Kafka's: every batch and record of the chosen partitions.
enum KafkaVerification {
    static func run(
        _ directory: String,
        isChosen: (TopicPartition) -> Bool
    ) throws(CommandFailure) -> ExitStatus {
        let kafka = try ImportCommand.open(directory)
        let chosen = kafka.partitions.filter { isChosen($0.name) }
        var totals = Totals()
        var output = BufferedOutput(.standard)
        let lost = kafka.lost.filter { isChosen($0.partition) }
        for finding in lost { output.append("\(visible("\(finding)"))\n") }
        totals.damageCount = lost.count { $0.severity == .damage }
        let decided = DecidedTransactions(readableIn: kafka)
        // What is damaged of a partition that is verified is told with it.
        let unverified = decided.findings.filter { !isChosen($0.partition) }
        for finding in unverified { output.append("\(visible("\(Self.asNote(finding))"))\n") }
        for partition in chosen {
            let survey: PartitionSurvey
            do throws(DiskError) {
                survey = try PartitionSurvey(
                    partition,
                    disk: kafka.disk,
                    decided: decided.decisions(in: partition.name),
                    complete: decided.complete
                )
            } catch {
                output.append("damage: \(partition.name): \(error.words)\n")
                totals.damageCount += 1
                continue
            }
            for finding in survey.findings { output.append("\(visible("\(finding)"))\n") }
            totals.add(survey, of: partition)
        }
        output.append(totals.line(partitionCount: chosen.count))
        output.flush()
        return totals.damageCount == 0 ? .done : .failed
    }

    /// What the coordinator has decided is not what was to be verified: what cannot be read of it
    /// leaves transactions open that may have ended.
    private static func asNote(_ finding: KafkaFinding) -> KafkaFinding {
        var note = finding
        note.severity = .note
        note.reason += "; transactions whose ends are decided there are taken to be open"
        return note
    }

    private struct Totals {
        var damageCount = 0
        private var segmentCount = 0
        private var batchCount = 0
        private var recordCount = 0
        private var byteCount: Int64 = 0

        mutating func add(_ survey: PartitionSurvey, of partition: KafkaPartition) {
            damageCount += survey.findings.count { $0.severity == .damage }
            segmentCount += partition.segments.count
            batchCount += survey.batchCount
            recordCount += survey.recordCount
            byteCount += survey.byteCount
        }

        func line(partitionCount: Int) -> String {
            let end =
                switch damageCount {
                case 0: "no damage"
                case 1: "1 place is damaged"
                default: "\(grouped(damageCount)) places are damaged"
                }
            return "\(counted(partitionCount, "partition")), \(counted(segmentCount, "segment")), "
                + "\(counted(batchCount, "batch", plural: "batches")), "
                + "\(counted(recordCount, "record")), \(counted(Int(byteCount), "byte")): \(end)\n"
        }
    }
}
