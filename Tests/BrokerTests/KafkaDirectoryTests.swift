import Broker
import Coordination
import Foundation
import LogModel
import LogStorage
import Testing

/// A directory that Kafka left: both coordinators come back as Kafka described them.
@Suite struct KafkaDirectoryTests {
    private struct Expected: Decodable {
        struct Group: Decodable {
            struct Committed: Decodable {
                var offset: Int64
                var leaderEpoch: Int32
                var metadata: String
            }
            var offsets: [String: Committed]
        }
        struct Transaction: Decodable {
            var state: String
            var producerId: Int64
            var producerEpoch: Int16
            var timeoutMs: Int32
            var startTimeMs: Int64
            var partitions: [String]
        }
        var groups: [String: Group]
        var transactions: [String: Transaction]
    }

    @Test func `groups and transactions of a directory of Kafka's are as it described them`() throws
    {
        let golden = Self.shared() + "/golden/storage/segments/internal-topics"
        guard FileManager.default.fileExists(atPath: golden) else {
            print("SKIPPED: opening Kafka's internal topics needs ../shared")
            return
        }
        let path =
            FileManager.default.temporaryDirectory.path + "/millrace-foreign-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: path) }
        _ = try Self.output(of: "/bin/tar", ["xzf", golden + "/data.tar.gz", "-C", path])
        let json = try Self.output(of: "/bin/gzip", ["-dc", golden + "/expected.json.gz"])
        let expected = try JSONDecoder().decode(Expected.self, from: json)

        let broker = try Broker.open(
            disk: PosixDisk(),
            directory: path,
            configuration: BrokerConfiguration(execution: .inline)
        )
        for (group, values) in expected.groups {
            let answers = try broker.committedOffsets(
                group: group,
                partitions: nil,
                requireStable: false
            )
            #expect(answers.count == values.offsets.count, "\(group)")
            for (name, wanted) in values.offsets {
                let partition = try #require(TopicPartition(folder: name))
                guard case .committed(let found)? = answers[partition] else {
                    Issue.record("\(group) has nothing in \(name)")
                    continue
                }
                #expect(found.offset.rawValue == wanted.offset)
                #expect(found.leaderEpoch.rawValue == wanted.leaderEpoch)
                #expect(found.metadata == wanted.metadata)
            }
        }
        for (id, wanted) in expected.transactions {
            let found = try #require(broker.describeTransaction(id))
            #expect("\(found.state)".lowercased() == wanted.state.lowercased())
            #expect(found.producerID.rawValue == wanted.producerId)
            #expect(found.epoch.rawValue == wanted.producerEpoch)
            #expect(found.timeoutMilliseconds == wanted.timeoutMs)
            #expect(found.startTime.rawValue == wanted.startTimeMs)
            #expect(Set(found.partitions.map(\.description)) == Set(wanted.partitions))
        }
        #expect(broker.transactionalIDs() == expected.transactions.keys.sorted())
        try broker.close()
    }

    @Test func `every directory of Kafka's opens, and no transaction without a record hangs`()
        throws
    {
        let golden = Self.shared() + "/golden/storage/segments"
        guard FileManager.default.fileExists(atPath: golden) else {
            print("SKIPPED: opening Kafka's directories needs ../shared")
            return
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: golden).sorted()
        where name != "internal-topics" {
            let path =
                FileManager.default.temporaryDirectory.path
                + "/millrace-foreign-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true
            )
            defer { try? FileManager.default.removeItem(atPath: path) }
            _ = try Self.output(
                of: "/bin/tar",
                ["xzf", "\(golden)/\(name)/data.tar.gz", "-C", path]
            )
            for _ in 0..<2 {
                let broker = try Broker.open(
                    disk: PosixDisk(),
                    directory: path,
                    configuration: BrokerConfiguration(execution: .inline)
                )
                #expect(!broker.topics().isEmpty, "\(name)")
                for partition in broker.topics().flatMap(\.partitions)
                where partition.log.readOnlyReason == nil {
                    let bounds = partition.log.bounds
                    #expect(bounds.lastStableOffset == bounds.highWatermark, "\(name)")
                }
                try broker.close()
            }
        }
    }

    private static func shared() -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
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
