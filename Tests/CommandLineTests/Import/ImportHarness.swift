import Broker
import DirectoryAccess
import Foundation
import KafkaDirectory
import LogModel
import LogStorage
import MillraceTestKit
import Terminal

@testable import DirectoryCommands

typealias Maker = KafkaSegmentMaker

/// A Kafka directory on a simulated disk, imported into a log on the machine's.
struct ImportHarness {
    let disk = SimulatedDisk()
    let maker: KafkaDirectoryMaker
    private let folder: TemporaryFolder
    var target: String { folder.path("data") }

    init(
        isClean: Bool = true,
        properties: String = KafkaDirectoryMaker.properties
    ) throws {
        folder = try TemporaryFolder()
        maker = try KafkaDirectoryMaker(disk, isClean: isClean, properties: properties)
    }

    /// Imports, and hands the log that was filled over before it is closed.
    @discardableResult
    func bring(
        topics: String? = nil,
        raw: Bool = false,
        options: [String] = [],
        _ body: (OpenLog) throws -> Void = { _ in }
    ) throws -> ImportReport {
        let log = try OpenLog(target, creates: true)
        let result = Result {
            let request = try ImportRequest(
                topics: topics,
                isRaw: raw,
                options: options.compactMap { KeyValueArgument(argument: $0) }
            )
            let running = KafkaImport(
                source: try KafkaDirectory.open(disk: disk, path: maker.path),
                log: log,
                request: request,
                time: ManualTimeSource()
            )
            let report = try running.run()
            try body(log)
            return report
        }
        try log.close()
        return try result.get()
    }

    /// A batch of these records, all of that time.
    static func batch(
        _ records: [(key: [UInt8], value: [UInt8])],
        at time: Int64 = 1_700_000_000_000
    ) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for record in records {
            record.key.withUnsafeBytes { key in
                record.value.withUnsafeBytes { value in
                    builder.append(timestamp: Timestamp(time), key: key, value: value)
                }
            }
        }
        return Array(builder.seal())
    }

    /// `offset:value@time` of every record that an isolation level shows.
    static func records(
        _ log: OpenLog,
        _ name: String,
        _ isolation: IsolationLevel = .readCommitted
    ) throws -> [String] {
        guard let partition = TopicPartition(folder: name) else { return [] }
        let bounds = try log.broker.bounds(of: partition)
        var next = bounds.logStart
        var records: [String] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var decompressor = RecordDecompressor()
        while next < bounds.highWatermark {
            let answer = try buffer.withUnsafeMutableBytes {
                try log.broker.fetch(partition, from: next, isolation: isolation, into: $0)
            }
            guard answer.byteCount > 0 else { break }
            try buffer[..<answer.byteCount].withUnsafeBytes { bytes in
                var batches = RecordBatchSequence(bytes)
                while let batch = try batches.next() {
                    try batch.verifyChecksum()
                    let start = next
                    next = batch.nextOffset
                    if batch.attributes.isControl { continue }
                    try StoredEntry.batch(batch).forEachRecord(&decompressor) { record in
                        guard record.offset >= start else { return }
                        let value = record.value.map { String(decoding: $0, as: UTF8.self) }
                        records.append(
                            "\(record.offset.rawValue):\(value ?? "null")"
                                + "@\(record.timestamp.rawValue)"
                        )
                    }
                }
            }
        }
        return records
    }

    /// The producer ids of a partition's batches.
    static func producers(_ log: OpenLog, _ name: String) throws -> [Int64] {
        try batches(log, name) { $0.producerID.rawValue }
    }

    /// The largest timestamps that the headers of the batches claim.
    static func largestTimestamps(_ log: OpenLog, _ name: String) throws -> [Int64] {
        try batches(log, name) { $0.maxTimestamp.rawValue }
    }

    private static func batches(
        _ log: OpenLog,
        _ name: String,
        _ look: (RecordBatchView) -> Int64
    ) throws -> [Int64] {
        guard let partition = TopicPartition(folder: name) else { return [] }
        let start = try log.broker.bounds(of: partition).logStart
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let answer = try buffer.withUnsafeMutableBytes {
            try log.broker.fetch(partition, from: start, isolation: .readUncommitted, into: $0)
        }
        var found: [Int64] = []
        try buffer[..<answer.byteCount].withUnsafeBytes { bytes in
            var batches = RecordBatchSequence(bytes)
            while let batch = try batches.next() { found.append(look(batch)) }
        }
        return found
    }
}
