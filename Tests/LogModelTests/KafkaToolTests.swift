import Foundation
import LogModel
import Testing

/// Kafka's own tools read what is written here. They live beside the package, in `../shared`.
struct KafkaToolTests {
    private static let shared: String = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return ProcessInfo.processInfo.environment["MILLRACE_SHARED"]
            ?? package.appendingPathComponent("../shared").standardizedFileURL.path
    }()

    private static let blockSizes = [10, 40_000, 200_000]

    @Test func `Kafka's dump tool reads our batches of every codec`() throws {
        let tool = Self.shared + "/kafka/kafka"
        guard FileManager.default.isExecutableFile(atPath: tool) else {
            print("SKIPPED: reading our batches with Kafka's dump tool needs ../shared")
            return
        }
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("millrace-dump-\(UUID().uuidString)/t-0")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
        let segment = folder.appendingPathComponent("00000000000000000000.log")
        let (content, keys) = try makeSegment()
        try Data(content).write(to: segment)

        let output = try run(
            tool,
            ["dump-log", "--deep-iteration", "--print-data-log", "--files", segment.path]
        )
        let records = output.split(separator: "\n").filter { $0.hasPrefix("| offset: ") }
        #expect(records.count == keys.count + 1)
        for (record, key) in zip(records, keys) {
            #expect(record.contains("key: \(key) payload: "), "\(record.prefix(200))")
        }
        #expect(records.last?.contains("endTxnMarker: COMMIT") ?? false)
        #expect(!output.contains("isvalid: false"))
    }

    /// Three batches of each codec and a marker, with the keys of all records.
    private func makeSegment() throws -> (content: [UInt8], keys: [String]) {
        var builder = RecordBatchBuilder()
        var compressor = RecordCompressor()
        var generator = SeededGenerator(seed: 9)
        var content: [UInt8] = []
        var keys: [String] = []
        for codec in CompressionCodec.allCases {
            for size in Self.blockSizes {
                let base = Offset(Int64(keys.count))
                builder.reset()
                for index in 0..<3 {
                    let key = "\(codec)-\(size)-\(index)"
                    // Letters, half of them noise, so that blocks do and do not compress.
                    let value = (0..<size).map { position in
                        UInt8(ascii: "a") + (position % 2 == 0 ? 3 : UInt8(generator.next() % 26))
                    }
                    Array(key.utf8).withUnsafeBytes { key in
                        value.withUnsafeBytes { value in
                            builder.append(
                                timestamp: Timestamp(1_700_000_000_000),
                                key: key,
                                value: value
                            )
                        }
                    }
                    keys.append(key)
                }
                content += try builder.seal(
                    with: &compressor,
                    attributes: BatchAttributes(codec: codec),
                    baseOffset: base
                )
            }
        }
        builder.reset()
        content += EndTransactionMarker(result: .commit, coordinatorEpoch: 3).seal(
            in: &builder,
            timestamp: Timestamp(1_700_000_000_000),
            producerID: ProducerID(1),
            producerEpoch: ProducerEpoch(0),
            baseOffset: Offset(Int64(keys.count))
        )
        return (content, keys)
    }

    private func run(_ tool: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self)
    }
}
