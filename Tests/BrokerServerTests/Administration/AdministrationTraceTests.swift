import Broker
import Bytes
import Foundation
import KafkaRecords
import KafkaWire
import LogModel
import Testing

/// Conversations of administrators recorded with Kafka 4.3.1, held with ours: codes and words.
struct AdministrationTraceTests {
    @Test(
        arguments: [
            "create_topics", "delete_topics", "create_partitions", "configs", "delete_records",
        ]
    )
    func `recorded requests get the answers that Kafka gave`(_ name: String) throws {
        let folder = Self.golden() + "/storage/traces"
        guard FileManager.default.fileExists(atPath: folder) else {
            return print("SKIPPED: recorded conversations with Kafka need $MILLRACE_GOLDEN")
        }
        let harness = try APIHarness()
        // Kafka's had its internal topics before each conversation.
        _ = try harness.broker.offsetsPartition(of: "group")
        let text = try String(contentsOfFile: "\(folder)/\(name).jsonl", encoding: .utf8)
        var replay = AdministrationReplay(harness: harness)
        for line in text.split(separator: "\n") {
            let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            try replay.step(json ?? [:], of: name)
        }
        #expect(replay.comparedCount >= 5)
        try harness.close()
    }

    private static func golden() -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return ProcessInfo.processInfo.environment["MILLRACE_GOLDEN"]
            ?? root.deletingLastPathComponent().appendingPathComponent("shared/golden").path
    }
}

/// Sends what a client sent, and compares what can be compared.
struct AdministrationReplay {
    let harness: APIHarness
    private(set) var comparedCount = 0
    /// Ours by Kafka's.
    private var topicIDs: [UniqueID: UniqueID] = [:]

    /// Where docs/internals/deviations.md parts from Kafka: an option that the log does not heed.
    private static let deviations: Set<String> = ["configs step 10"]

    init(harness: APIHarness) { self.harness = harness }

    mutating func step(_ json: [String: Any], of name: String) throws {
        guard let sent = json["send"] as? [String: Any],
            let received = json["recv"] as? [String: Any],
            let key = sent["key"] as? Int, let number = sent["version"] as? Int,
            let request = Self.bytes(sent["frame"]), let expected = Self.bytes(received["frame"]),
            let api = WireAPI.named(by: Int16(key))
        else { return }
        let version = Int16(number)
        let head = try request.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            _ = try RequestHeader(
                reading: &reader,
                version: api.requestHeaderVersion(version)
            )
            return reader.position
        }
        var body = Array(request.dropFirst(head))
        if api.key == 20, version >= 6 { body = try withOurIDs(body, version) }
        // Correlation, and an empty section of tags.
        let answer = Array(expected.dropFirst(4 + Int(api.responseHeaderVersion(version))))
        guard let ours = try harness.answer(api.key, version, body: body) else {
            Issue.record("\(name) step \(json["step"] ?? ""): no answer")
            return
        }
        if api.key == 19 { try learnIDs(answer, ours, version) }
        let place = "\(name) step \(json["step"] ?? "")"
        guard let kafka = try Self.comparable(api.key, answer, version),
            let own = try Self.comparable(api.key, ours, version)
        else { return }
        guard !Self.deviations.contains(place) else { return }
        comparedCount += 1
        #expect(own == kafka, "\(place)")
    }

    private mutating func learnIDs(
        _ kafka: [UInt8],
        _ ours: [UInt8],
        _ version: Int16
    ) throws {
        let kafka: CreateTopicsResponse = try APIHarness.decode(kafka, version)
        let ours: CreateTopicsResponse = try APIHarness.decode(ours, version)
        for topic in kafka.topics {
            topicIDs[topic.topicID] = ours.topics.first { $0.name == topic.name }?.topicID
        }
    }

    private func withOurIDs(_ body: [UInt8], _ version: Int16) throws -> [UInt8] {
        var request: DeleteTopicsRequest = try APIHarness.decode(body, version)
        for index in request.topics.indices {
            let id = request.topics[index].topicID
            request.topics[index].topicID = topicIDs[id] ?? id
        }
        return try request.encoded(version: version)
    }

    /// What does not vary by run, in an order of its own; nil for what is not compared.
    private static func comparable(
        _ key: Int16,
        _ bytes: [UInt8],
        _ version: Int16
    ) throws -> [String]? {
        switch key {
        case 19:
            let response: CreateTopicsResponse = try APIHarness.decode(bytes, version)
            return response.topics.map { topic in
                let names = (topic.configs ?? []).map(\.name)
                return "\(topic.name) \(topic.errorCode) \(topic.errorMessage ?? "-") "
                    + "\(topic.numPartitions) \(topic.replicationFactor) \(names)"
            }.sorted()
        case 20:
            let response: DeleteTopicsResponse = try APIHarness.decode(bytes, version)
            return response.responses.map {
                "\($0.name ?? "-") \($0.errorCode) \($0.errorMessage ?? "-")"
            }.sorted()
        case 21:
            let response: DeleteRecordsResponse = try APIHarness.decode(bytes, version)
            return response.topics.flatMap { topic in
                topic.partitions.map {
                    "\(topic.name)-\($0.partitionIndex) \($0.lowWatermark) \($0.errorCode)"
                }
            }.sorted()
        case 37:
            let response: CreatePartitionsResponse = try APIHarness.decode(bytes, version)
            return response.results.map {
                "\($0.name) \($0.errorCode) \($0.errorMessage ?? "-")"
            }.sorted()
        case 32:
            let response: DescribeConfigsResponse = try APIHarness.decode(bytes, version)
            return response.results.map {
                "\($0.resourceName) \($0.errorCode) \($0.errorMessage ?? "-") "
                    + "\($0.configs.map { "\($0.name) \($0.configType)" }.sorted())"
            }
        case 33:
            let response: AlterConfigsResponse = try APIHarness.decode(bytes, version)
            return response.responses.map { "\($0.errorCode) \($0.errorMessage ?? "-")" }
        case 44:
            let response: IncrementalAlterConfigsResponse = try APIHarness.decode(bytes, version)
            return response.responses.map { "\($0.errorCode) \($0.errorMessage ?? "-")" }
        default: return nil
        }
    }

    private static func bytes(_ base64: Any?) -> [UInt8]? {
        (base64 as? String).flatMap { Data(base64Encoded: $0) }.map { Array($0) }
    }
}
