import Broker
import EmbeddedClient
import Foundation
import LogClient
import LogModel
import LogStorage
import Testing

/// Kafka's own dump tool reads what both coordinators write.
@Suite struct KafkaToolTests {
    @Test func `Kafka's dump tool reads the internal topics`() throws {
        guard let tool = Self.tool() else {
            print("SKIPPED: reading the internal topics with Kafka's dump tool needs ../shared")
            return
        }
        let path =
            FileManager.default.temporaryDirectory.path
            + "/millrace-dump-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.internalPartitionCount = 1
        let broker = try Broker.open(
            disk: PosixDisk(),
            directory: path,
            configuration: configuration
        )
        try broker.createTopic("out", partitionCount: 2)
        let producer = try EmbeddedClient(broker: broker).makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        for number in 0..<3 {
            try producer.send(["v\(number)"], to: "out", Int32(number % 2))
            try producer.addOffset(Int64(number), of: "out", group: "g")
            if number == 1 { try producer.abort() } else { try producer.commit() }
        }
        try broker.close()

        let log = "00000000000000000000.log"
        let transactions = try Self.run(
            tool,
            [
                "--transaction-log-decoder", "--deep-iteration", "--files",
                "\(path)/__transaction_state-0/\(log)",
            ]
        )
        #expect(transactions.contains("job-0"))
        for state in ["transactionStatus", "transactionPartitions"] {
            #expect(transactions.contains(state))
        }
        let offsets = try Self.run(
            tool,
            [
                "--offsets-decoder", "--deep-iteration", "--files",
                "\(path)/__consumer_offsets-0/\(log)",
            ]
        )
        #expect(offsets.contains("\"group\":\"g\""))
        #expect(offsets.contains("endTxnMarker: COMMIT"))
        #expect(offsets.contains("endTxnMarker: ABORT"))
        for text in [transactions, offsets] {
            #expect(!text.contains("isvalid: false") && !text.contains("Exception"))
        }
    }

    private static func tool() -> String? {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let shared =
            ProcessInfo.processInfo.environment["MILLRACE_SHARED"]
            ?? root.deletingLastPathComponent().appendingPathComponent("shared").path
        let tool = shared + "/kafka/kafka"
        return FileManager.default.isExecutableFile(atPath: tool) ? tool : nil
    }

    private static func run(_ tool: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = ["dump-log"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: output, as: UTF8.self)
        #expect(process.terminationStatus == 0, "\(text.suffix(2000))")
        return text
    }
}
