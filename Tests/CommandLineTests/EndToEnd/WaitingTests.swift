import Broker
import Coordination
import Foundation
import LogModel
import Testing

@testable import JobRunner

extension EndToEnd {
    /// A run that ends when it has caught up, and is kept from it.
    @Suite(.serialized) struct WaitingTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws {
            folder = try TemporaryFolder()
            try Millrace.succeed("topic", "create", "lines", "--data", data)
        }

        private struct UnexpectedAnswer: Error { let words: String }

        /// Leaves a record in a transaction of a producer elsewhere, as one that was killed does.
        private func leaveOpen(_ id: String, timeout: Duration) throws {
            let log = try OpenLog(data, creates: false)
            let lines = TopicPartition("lines", PartitionIndex(0))
            let granted = try log.broker.initProducerID(
                transactionalID: id,
                timeout: timeout,
                isRemote: true
            )
            guard case .producer(let producer, let epoch) = granted else {
                throw UnexpectedAnswer(words: "\(granted)")
            }
            let added = try log.broker.addPartitions(
                transactionalID: id,
                producerID: producer,
                epoch: epoch,
                partitions: [lines]
            )
            #expect(added == .done)
            var builder = RecordBatchBuilder()
            Array("unseen".utf8).withUnsafeBytes { value in
                builder.append(timestamp: Timestamp(1_000), key: nil, value: value)
            }
            _ = try log.broker.produce(
                batch: builder.seal(
                    attributes: BatchAttributes(isTransactional: true),
                    producerID: producer,
                    producerEpoch: epoch,
                    baseSequence: SequenceNumber(0)
                ),
                to: lines,
                transactionalID: id,
                flush: true
            )
            try log.close()
        }

        @Test func `it says once for whose transaction, and goes on when that has ended`() throws {
            try leaveOpen("billing-0", timeout: .seconds(8))
            let input = try folder.write("input", "seen\n")
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            let link = folder.path("WordCount")
            try FileManager.default.createSymbolicLink(
                at: URL(filePath: link),
                withDestinationURL: Millrace.executable.deletingLastPathComponent()
                    .appending(path: "JobsUnderTest")
            )
            let outcome = try Millrace.run("run", link, "--data", data, "--until-caught-up")
            #expect(outcome.status == 0, "\(outcome.errors)")
            let said = outcome.errors.split(separator: "\n").filter { $0.contains("waits for") }
            #expect(said.count == 1, "\(outcome.errors)")
            let begin =
                "warning: the run waits for a transaction that is open in lines-0 from offset 0 "
                + "on: that of 'billing-0', open for "
            #expect(said.first?.hasPrefix(begin) == true, "\(said)")
            #expect(said.first?.contains("millrace txn abort billing-0 --data ") == true)
            let counts = try Millrace.consumeCounts(of: data, "--format", "%k\\n")
            #expect(counts.lines == ["seen"])
        }
    }
}
