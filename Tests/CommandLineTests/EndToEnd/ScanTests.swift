import Bytes
import DirectoryAccess
import Foundation
import KafkaClient
import KafkaRecords
import KafkaWire
import LogModel
import Terminal
import Testing

@testable import ClientCommands

extension EndToEnd {
    /// How partitions are read whose server brings less than there is.
    @Suite struct ScanTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// Hides the records of the first answers to fetches.
        private final class HidingExchange: KafkaExchange {
            let address: KafkaAddress
            let isBroken = false
            private let log: InProcessExchange
            private var hiddenCount: Int

            init(_ log: OpenLog, hiding count: Int) {
                self.log = InProcessExchange(log)
                address = self.log.address
                hiddenCount = count
            }

            func exchange(
                _ api: WireAPI,
                among versions: ClosedRange<Int16>,
                patience: Duration,
                body: (Int16) throws(KafkaClientError) -> [UInt8]
            ) throws(KafkaClientError) -> (body: [UInt8], start: Int, version: Int16) {
                let answer = try log.exchange(api, among: versions, patience: patience, body: body)
                guard api.name == "Fetch", hiddenCount > 0 else { return answer }
                hiddenCount -= 1
                do {
                    return (try Self.hiding(answer.body, answer.version), 0, answer.version)
                } catch { throw .nonsense(address, "\(error)") }
            }

            private static func hiding(_ body: [UInt8], _ version: Int16) throws -> [UInt8] {
                try body.withUnsafeBytes { bytes in
                    var reader = ByteReader(bytes)
                    var response = try FetchResponse(reading: &reader, version: version)
                    for topic in response.responses.indices {
                        for partition in response.responses[topic].partitions.indices {
                            response.responses[topic].partitions[partition].records = []
                        }
                    }
                    return try response.encoded(version: version)
                }
            }
        }

        /// The values of the first partition as a scan brings them.
        private func scanned(
            hiding count: Int,
            patience: Duration = .seconds(10),
            byteLimit: Int32 = 1 << 20
        ) throws -> [String] {
            let log = try OpenLog(data, creates: false)
            defer { #expect(throws: Never.self) { try log.close() } }
            let served = ServedLog(
                KafkaCluster(over: HidingExchange(log, hiding: count)),
                at: .directory(data)
            )
            served.emptyAnswerPatience = patience
            var values: [String] = []
            let partition = TopicPartition("t", PartitionIndex(0))
            try served.scan(partition, 0..<3, byteLimit: byteLimit) { record, _ in
                values.append(record.value.map { String(decoding: $0, as: UTF8.self) } ?? "null")
                return true
            }
            return values
        }

        @Test func `an answer without records is not the end`() throws {
            try succeed("topic", "create", "t")
            try succeed("produce", "t", input: "a\nb\nc\n")
            #expect(try scanned(hiding: 3) == ["a", "b", "c"])
            #expect(try scanned(hiding: 1, byteLimit: 1) == ["a", "b", "c"])
            let failure = #expect(throws: CommandFailure.self) {
                try scanned(hiding: .max, patience: .milliseconds(50))
            }
            #expect(failure?.what == "what t-0 holds from offset 0 on is not known")
            #expect(failure?.reason?.contains("up to offset 3") ?? false)
        }

        @Test func `a batch larger than what is fetched for a record comes whole`() throws {
            try succeed("topic", "create", "t")
            let long = String(repeating: "x", count: 100_000)
            try succeed("produce", "t", input: "\(long)\n\(long)\n\(long)\n")
            let values = try scanned(hiding: 0, byteLimit: ServedLog.recordByteLimit)
            #expect(values.map(\.count) == [100_000, 100_000, 100_000])
        }
    }
}
