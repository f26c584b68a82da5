/// What one benchmark measured. The output was compared with what it must be before this exists.
package struct BenchmarkResult: Sendable {
    package var bench: String
    package var records: Int64
    package var keys: Int64
    package var seconds: Double
    package var cpuSeconds: Double
    package var commits: Int64
    /// Of `seconds`, those in which the stream threads waited until a transaction had ended; of all
    /// threads together.
    package var endTransactionSeconds: Double
    package var fdatasyncs: Int64
    package var peakResidentByteCount: Int64
    package var verified: Bool

    package var recordsPerSecond: Double { seconds > 0 ? Double(records) / seconds : 0 }

    /// One JSON object on one line.
    package var json: String {
        "{\"bench\":\"\(bench)\",\"records\":\(records),\"keys\":\(keys),"
            + "\"seconds\":\(Self.rounded(seconds)),"
            + "\"records_per_second\":\(Int64(recordsPerSecond)),"
            + "\"cpu_seconds\":\(Self.rounded(cpuSeconds)),\"commits\":\(commits),"
            + "\"end_transaction_seconds\":\(Self.rounded(endTransactionSeconds)),"
            + "\"fdatasyncs\":\(fdatasyncs),"
            + "\"peak_resident_bytes\":\(peakResidentByteCount),\"verified\":\(verified)}"
    }

    /// To the millisecond.
    private static func rounded(_ seconds: Double) -> Double {
        (seconds * 1000).rounded() / 1000
    }
}

/// Why a benchmark could not run, or what was wrong with its output.
package struct BenchmarkError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
