import Foundation
import Testing

/// Conversations recorded with Kafka 4.3.1, held with our coordinators.
@Suite struct TraceTests {
    /// With the last step to run where ours parts from Kafka's on purpose behind it.
    private static let traces: [(name: String, last: Int)] = [
        ("initpid_expected_epoch", .max), ("initpid_fencing_error_by_version", .max),
        ("initpid_idempotent", .max), ("initpid_new_and_again", .max),
        ("initpid_open_transaction", .max), ("initpid_timeout_range", .max),
        ("offset_commit_fetch", .max), ("txn1_abort", .max),
        ("txn1_add_partitions_errors", .max), ("txn1_commit", .max),
        ("txn1_end_twice_opposite", .max), ("txn1_end_twice_same", .max),
        ("txn1_offsets_commit_abort", .max), ("txn1_stale_epoch", .max),
        // Behind it: a batch under another transactional id, which Kafka lets through.
        ("txn1_wrong_order", 10),
        ("txn1_wrong_producer_id", .max), ("txn2_commit_abort", .max),
        ("txn2_end_from_empty", .max), ("txn2_end_retry_old_epoch", .max),
        ("txn2_epoch_exhaustion_end", .max), ("txn2_offsets", .max),
        ("txn2_sequence_after_bump", .max), ("txn2_stale_epoch_and_wrong_id", .max),
        ("txn_epoch_exhaustion_init", .max), ("txn_interleaved_producers_aborted_list", .max),
        ("txn_plain_commit_over_pending", .max), ("txn_timeout_abort", .max),
        // Behind it: the old owner's expected epoch, which fences the new owner at Kafka's.
        ("txn_zombie_fenced", 18),
    ]

    @Test func `recorded requests get the answers that Kafka gave`() throws {
        let folder = Self.shared() + "/golden/storage/traces"
        guard FileManager.default.fileExists(atPath: folder) else {
            print("SKIPPED: recorded conversations with Kafka need ../shared")
            return
        }
        var comparedCount = 0
        for trace in Self.traces {
            let text = try String(contentsOfFile: "\(folder)/\(trace.name).jsonl", encoding: .utf8)
            var replay = try TraceReplay(name: trace.name)
            try replay.run(text, upTo: trace.last)
            comparedCount += replay.comparedCount
        }
        #expect(comparedCount > 250)
    }

    private static func shared() -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return ProcessInfo.processInfo.environment["MILLRACE_SHARED"]
            ?? root.deletingLastPathComponent().appendingPathComponent("shared").path
    }
}
