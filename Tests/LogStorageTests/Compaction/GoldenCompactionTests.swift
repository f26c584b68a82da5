import Foundation
import LogModel
import Testing

@testable import LogStorage

/// Topics that a Kafka cleaned, cleaned here. Kafka cleaned them, went on writing and cleaned them
/// again: what can be compared are the records from before.
@Suite struct GoldenCompactionTests {
    private struct Expected: Decodable {
        struct Record: Decodable {
            var offset: Int64
            var ts: Int64
            var key: String?
            var value: String?
        }
        struct Partition: Decodable {
            var logEndOffset: Int64
            var read_committed: [Record]
            var read_uncommitted: [Record]
        }
        struct Batch: Decodable {
            var baseOffset: Int64?
            var lastOffset: Int64?
            var count: Int32?
            var isControl: Bool?
            var deleteHorizonMs: Int64?
        }
        struct Dump: Decodable {
            var batches: [Batch]
            init(from decoder: any Decoder) throws {
                batches = (try? [Batch](from: decoder)) ?? []
            }
        }
        var partitions: [String: Partition]
        var dump: [String: Dump]
    }

    @Test(arguments: ["compact-keep", "compact-drop", "compact-txn", "compact-idem"])
    func `what Kafka's cleaner left of a topic is left here`(topic name: String) throws {
        let golden = Self.shared() + "/golden/storage/segments"
        guard FileManager.default.fileExists(atPath: golden + "/compact-after") else {
            print("SKIPPED: comparing with Kafka's cleaner needs ../shared")
            return
        }
        var topic = try Self.topic(name, in: golden + "/compact-before")
        topic.options.deleteRetentionMilliseconds = name == "compact-drop" ? 1 : 86_400_000
        let plan = try #require(try topic.clean(now: 1_795_419_390_000))
        let end = topic.logEnd.rawValue
        let log = try ScannedLog(topic.files)
        let after = try Self.expected(golden + "/compact-after")
        let partition = try #require(after.partitions[name + "-0"])
        let ours = log.committed(upTo: topic.logEnd, log.storedAborted)
        let kafkas = partition.read_committed.map(Self.record)
        #expect(topic.statistics.supersededCount > 0)

        // What Kafka kept is there.
        let found = Set(ours.map(\.offset))
        #expect(kafkas.filter { $0.offset < end && !found.contains($0.offset) }.isEmpty)
        // What is there was kept by Kafka, unless a later record of its key superseded it; where
        // tombstones go at once, the later one may be gone, too.
        var latest: [String: Int64] = [:]
        for record in kafkas { latest[record.key ?? ""] = record.offset }
        let kept = Dictionary(uniqueKeysWithValues: kafkas.map { ($0.offset, $0) })
        for record in ours {
            if let same = kept[record.offset] {
                #expect(same == record)
            } else if name != "compact-drop" {
                #expect((latest[record.key ?? ""] ?? -1) > record.offset, "\(record)")
            }
        }
        let batches = after.dump
            .filter { $0.key.hasPrefix(name + "-0/") && $0.key.hasSuffix(".log") }
            .flatMap(\.value.batches)
        // Batches that kept a tombstone got a horizon, and no others.
        var horizons: [Int64: Bool] = [:]
        for batch in log.batches { horizons[batch.base] = batch.hasHorizon }
        for batch in batches where batch.isControl == false && name == "compact-keep" {
            guard let base = batch.baseOffset, base < plan.end.rawValue else { continue }
            #expect(horizons[base] == (batch.deleteHorizonMs != nil), "batch \(base)")
        }
        // Producers that are still there keep their last batches, without records.
        let empty = batches.filter { $0.count == 0 && ($0.lastOffset ?? 0) < plan.end.rawValue }
            .compactMap(\.baseOffset).sorted()
        let oursEmpty = log.batches.filter {
            $0.recordCount == 0 && $0.last + 1 < plan.end.rawValue
        }
        #expect(Set(empty).isSubset(of: Set(oursEmpty.map(\.base))))
        if name == "compact-idem" { #expect(oursEmpty.map(\.base) == empty && empty.count == 2) }
    }

    private static func record(_ record: Expected.Record) -> CompactedTopic.Record {
        func text(_ base64: String?) -> String? {
            base64.map { String(decoding: Data(base64Encoded: $0) ?? Data(), as: UTF8.self) }
        }
        return CompactedTopic.Record(
            offset: record.offset,
            key: text(record.key),
            value: text(record.value),
            timestamp: record.ts
        )
    }

    /// A topic with the segments that lie in a golden directory.
    private static func topic(_ name: String, in golden: String) throws -> CompactedTopic {
        let path =
            FileManager.default.temporaryDirectory.path + "/millrace-golden-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        _ = try output(of: "/bin/tar", ["xzf", golden + "/data.tar.gz", "-C", path])
        let folder = path + "/\(name)-0"
        let segments = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            .compactMap { file -> (base: Offset, bytes: [UInt8])? in
                guard let base = SegmentName.offset(in: file, .log) else { return nil }
                let content = FileManager.default.contents(atPath: folder + "/" + file)
                return (base, Array(try #require(content)))
            }
        return try CompactedTopic(segments: segments, segmentByteLimit: 16_384)
    }

    private static func expected(_ golden: String) throws -> Expected {
        let json = try output(of: "/bin/gzip", ["-dc", golden + "/expected.json.gz"])
        return try JSONDecoder().decode(Expected.self, from: json)
    }

    private static func shared() -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return ProcessInfo.processInfo.environment["MILLRACE_SHARED"]
            ?? root.deletingLastPathComponent().appendingPathComponent("shared").path
    }

    private static func output(of tool: String, _ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return output
    }
}
