import Foundation
import Testing

@testable import GoldenVectors

/// Conversations recorded with Kafka 4.3.1, held with a connection of ours: where ours differs on
/// purpose, and where bytes are no requests. `make golden` holds all of them.
@Suite struct RecordedConversationTests {
    private static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")

    /// With how many answers are others than Kafka's, as is stated.
    private static let conversations: [(path: String, statedCount: Int)] = [
        ("traces/api_versions", 4), ("traces/configs", 0), ("traces/consumer_group_errors", 1),
        ("traces/group_unparsable_metadata", 3), ("traces/groups_admin", 3),
        ("traces/malformed_after_use", 2), ("traces/malformed_frames", 2), ("traces/metadata", 1),
        ("traces/metadata_all_topics", 0), ("traces/produce_acks_and_targets", 1),
        ("traces/share_and_streams_keys", 3), ("traces/txn2_stale_epoch_and_wrong_id", 2),
        ("traces/txn_zombie_fenced", 3), ("traces-tv0/txn2_end_retry_old_epoch", 5),
        ("traces-tv0/txn_timeout_abort", 2),
    ]

    private func play(_ path: String, _ url: URL? = nil) throws -> GoldenReport {
        let file = GoldenFile(
            path: "storage/\(path).jsonl",
            url: url ?? Self.folder.appending(path: "\(path).jsonl")
        )
        let runner = TracesRunner()
        try #require(runner.accepts(file))
        return try runner.run(file)
    }

    @Test(arguments: conversations)
    func `a recorded conversation goes as with Kafka, but for what is stated`(
        path: String,
        statedCount: Int
    ) throws {
        let report = try play(path)
        #expect(report.caseCount > 0)
        #expect(report.notYetCount == 0 && report.notYet == nil)
        #expect(report.differences == [])
        #expect(report.deviations.values.reduce(0, +) == statedCount)
    }

    /// The text of a conversation with something else recorded in it.
    private func playChanged(_ path: String, _ old: String, _ new: String) throws -> GoldenReport {
        let text = try String(
            contentsOf: Self.folder.appending(path: "\(path).jsonl"),
            encoding: .utf8
        )
        try #require(text.contains(old))
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "golden-\(UUID().uuidString)", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appending(path: "changed.jsonl")
        try Data(text.replacing(old, with: new).utf8).write(to: url)
        return try play(path, url)
    }

    @Test func `another error code than the stated one is told`() throws {
        // What Metadata makes is not there yet, says Kafka; nothing is stated of a name refused.
        let report = try playChanged(
            "traces/metadata",
            #""errorCode":3,"name":"metadata-auto""#,
            #""errorCode":17,"name":"metadata-auto""#
        )
        #expect(report.differences.contains { $0.contains(".errorCode: expected integer(17)") })
    }

    @Test func `versions that are told otherwise than stated are told`() throws {
        let report = try playChanged(
            "traces/api_versions",
            #"{"apiKey":3,"minVersion":0,"maxVersion":13}"#,
            #"{"apiKey":3,"minVersion":0,"maxVersion":14}"#
        )
        #expect(report.differences.contains { $0.contains("ApiVersions v3: .apiKeys") })
    }

    @Test func `a connection that stays open where Kafka closes it is told`() throws {
        // The header is whole, and asks what is answered.
        let report = try playChanged(
            "traces/malformed_frames",
            "000000080012000000000007",
            "0000000a0012000000000007ffff"
        )
        #expect(report.differences.contains { $0.contains("expected the connection closed") })
    }

    @Test func `a name in a frame that is not the one that is told is told`() throws {
        let report = try playChanged(
            "traces/malformed_after_use",
            #""json":{"key":"g"}"#,
            #""json":{"key":"h"}"#
        )
        #expect(report.differences.contains { $0.hasPrefix("step 5 request: encoded as") })
    }
}
