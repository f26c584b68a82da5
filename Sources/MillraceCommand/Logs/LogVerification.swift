import Broker
import JobRunner
import LogModel
import LogStorage
import Terminal

/// Verifies the files of a data directory and prints what is wrong, a line for each place.
enum LogVerification {
    /// Reads every file of the chosen partitions.
    static func run(
        _ directory: String,
        partitions: Set<TopicPartition>
    ) throws(CommandFailure) -> VerificationReport {
        do throws(LogStorageError) {
            return try LogVerifier.verify(disk: PosixDisk(), directory: directory) {
                partitions.contains($0)
            }
        } catch {
            if case .disk(.locked(_, let owner)) = error {
                throw CommandFailure(
                    opening: directory,
                    .directoryInUse(directory: directory, owner: owner)
                )
            }
            throw CommandFailure(
                "the data directory cannot be verified",
                place: directory,
                reason: BrokerError(error, in: directory).description
            )
        }
    }

    static func print(_ report: VerificationReport) {
        var output = BufferedOutput(.standard)
        for finding in report.findings {
            var line = finding.severity == .damage ? "damage: " : "note: "
            line += finding.file
            if let position = finding.position { line += ", byte \(position)" }
            if let offset = finding.offset { line += ", offset \(offset.rawValue)" }
            output.append("\(line): \(finding.reason)\n")
        }
        output.append(
            "\(grouped(report.partitionCount)) partitions, \(grouped(report.segmentCount)) "
                + "segments, \(grouped(report.batchCount)) batches, "
                + "\(grouped(report.recordCount)) records, "
                + "\(grouped(Int(report.byteCount))) bytes: "
        )
        switch report.damageCount {
        case 0: output.append("no damage\n")
        case 1: output.append("1 place is damaged\n")
        case let count: output.append("\(grouped(count)) places are damaged\n")
        }
        output.flush()
    }
}
