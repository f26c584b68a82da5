import Broker
import DirectoryAccess
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
            switch error {
            case .disk(.locked(_, let owner)):
                throw CommandFailure(
                    opening: directory,
                    .directoryInUse(directory: directory, owner: owner)
                )
            case .noDirectory, .kafkaDirectory, .foreignDirectory, .otherFormat:
                throw CommandFailure(opening: directory, BrokerError(error, in: directory))
            default:
                throw CommandFailure(
                    "the data directory cannot be verified",
                    place: directory,
                    reason: error.description,
                    next: CommandFailure.nextWithoutTopics(in: directory)
                )
            }
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
            "\(counted(report.partitionCount, "partition")), "
                + "\(counted(report.segmentCount, "segment")), "
                + "\(counted(report.batchCount, "batch", plural: "batches")), "
                + "\(counted(report.recordCount, "record")), "
                + "\(counted(Int(report.byteCount), "byte")): "
        )
        switch report.damageCount {
        case 0: output.append("no damage\n")
        case 1: output.append("1 place is damaged\n")
        case let count: output.append("\(grouped(count)) places are damaged\n")
        }
        output.flush()
    }
}
