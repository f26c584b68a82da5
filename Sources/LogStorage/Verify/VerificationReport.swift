package import LogModel

/// What a verification of files found.
package struct VerificationReport: Equatable, Sendable {
    /// One place that is not as it should be.
    package struct Finding: Equatable, Sendable {
        package enum Severity: Equatable, Sendable {
            /// Bytes that were durable are gone or changed, or a file that is trusted is wrong.
            case damage
            /// What a crash leaves and the next start puts in order.
            case note
        }

        package var severity: Severity
        package var file: String
        /// The byte in the file, where the finding has one place.
        package var position: Int64?
        /// The offset in the log, where the finding has one.
        package var offset: Offset?
        package var reason: String
    }

    package var findings: [Finding] = []
    package var partitionCount = 0
    package var segmentCount = 0
    package var batchCount = 0
    package var recordCount = 0
    /// Bytes of batches that were read.
    package var byteCount: Int64 = 0

    package init() {}

    /// Findings that are damage.
    package var damageCount: Int { findings.count { $0.severity == .damage } }

    mutating func add(_ other: VerificationReport) {
        findings += other.findings
        partitionCount += other.partitionCount
        segmentCount += other.segmentCount
        batchCount += other.batchCount
        recordCount += other.recordCount
        byteCount += other.byteCount
    }
}
