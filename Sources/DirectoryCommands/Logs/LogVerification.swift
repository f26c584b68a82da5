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
        var bar = ProgressBar("partitions verified")
        var done = 0
        let result = Result { () throws(LogStorageError) in
            try LogVerifier.verify(
                disk: PosixDisk(),
                directory: directory,
                isChosen: partitions.contains
            ) { _ in
                bar.update(done: done, total: partitions.count)
                done += 1
            }
        }
        bar.finish()
        do throws(LogStorageError) { return try result.get() } catch {
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

    static func print(_ report: VerificationReport, asJSON: Bool) {
        var output = VerificationOutput(asJSON: asJSON)
        for finding in report.findings {
            output.add(
                VerificationOutput.Finding(
                    isDamage: finding.severity == .damage,
                    file: finding.file,
                    position: finding.position,
                    offset: finding.offset,
                    reason: finding.reason
                )
            )
        }
        output.end(
            VerificationOutput.Totals(
                partitionCount: report.partitionCount,
                segmentCount: report.segmentCount,
                batchCount: report.batchCount,
                recordCount: report.recordCount,
                byteCount: report.byteCount
            )
        )
    }
}
