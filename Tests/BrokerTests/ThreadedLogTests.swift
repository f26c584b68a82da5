import Broker
import EmbeddedClient
import Foundation
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Synchronization
import Testing
import Threads

/// The log as jobs run it: threads, a real disk.
@Suite struct ThreadedLogTests {
    private func withLog(
        _ configuration: BrokerConfiguration = BrokerConfiguration(),
        _ body: (Broker, EmbeddedClient) throws -> Void
    ) throws {
        let path =
            FileManager.default.temporaryDirectory.path
            + "/millrace-broker-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let broker = try Broker.open(
            disk: PosixDisk(),
            directory: path,
            configuration: configuration
        )
        try body(broker, EmbeddedClient(broker: broker))
        try broker.close()
        let again = try Broker.open(
            disk: PosixDisk(),
            directory: path,
            configuration: BrokerConfiguration(execution: .inline)
        )
        try again.close()
    }

    /// The records have a fixed time, which retention would count from.
    private static let kept = ["retention.ms": "-1"]

    private func read(
        _ client: EmbeddedClient,
        _ partition: Int32,
        until count: Int
    ) throws
        -> [String]
    {
        var signal: UInt64 = 0
        var values: [String] = []
        let end = ContinuousClock.now + .seconds(120)
        while values.count < count, ContinuousClock.now < end {
            signal = client.waitForChange(since: signal, timeout: .seconds(5))
            values = try LogReader(client: client).values(
                of: TopicPartition("out", PartitionIndex(partition)),
                isolation: .readCommitted
            )
        }
        return values
    }

    @Test func `transactions follow each other and readers are woken`() throws {
        try withLog { broker, client in
            try broker.createTopic("out", partitionCount: 4, options: Self.kept)
            let producer = try client.makeTransactionalProducer(
                transactionalID: "job-0",
                transactionTimeout: .seconds(60)
            )
            for number in 0..<50 {
                for partition in Int32(0)..<4 {
                    try producer.send(["\(number)"], to: "out", partition)
                }
                try producer.addOffset(Int64(number), of: "out", group: "g")
                if number % 10 == 9 { try producer.abort() } else { try producer.commit() }
            }
            for partition in Int32(0)..<4 {
                let expected = (0..<50).filter { $0 % 10 != 9 }.map { "\($0)" }
                #expect(try read(client, partition, until: 45) == expected)
            }
            #expect(broker.statistics.commitCount == 45)
            #expect(broker.statistics.abortCount == 5)
            producer.close()
        }
    }

    @Test func `producers of several threads commit beside each other`() throws {
        try withLog { broker, client in
            try broker.createTopic("out", partitionCount: 4, options: Self.kept)
            let failures = Failures()
            let threads = (0..<4).map { index in
                Thread {
                    do {
                        let producer = try client.makeTransactionalProducer(
                            transactionalID: "job-\(index)",
                            transactionTimeout: .seconds(60)
                        )
                        for number in 0..<25 {
                            try producer.send(["\(number)"], to: "out", Int32(index))
                            try producer.commit()
                        }
                        producer.close()
                    } catch {
                        failures.note("\(error)")
                    }
                    failures.finish()
                }
            }
            for thread in threads { thread.start() }
            failures.waitForEnd(of: threads.count)
            #expect(failures.all == [])
            for partition in Int32(0)..<4 {
                #expect(
                    try read(client, partition, until: 25) == (0..<25).map { "\($0)" }
                )
            }
        }
    }
}

extension ThreadedLogTests {
    /// Descriptors are few here, so that numbers are used again at once.
    @Test func `a fetch while its topic is deleted never shows another topic's record`() throws {
        var configuration = BrokerConfiguration()
        configuration.journal.openFileLimit = 2
        configuration.internalPartitionCount = 1
        try withLog(configuration) { broker, client in
            let isDone = Atomic(false)
            let failures = Failures()
            let readCount = Atomic(0)
            let reader = Thread {
                while !isDone.load(ordering: .relaxed) {
                    // Most of the time the topic is not there, or goes in the middle.
                    let found = try? LogReader(client: client).values(
                        of: TopicPartition("old", PartitionIndex(0)),
                        isolation: .readUncommitted
                    )
                    for value in found ?? [] where value != "old" { failures.note(value) }
                    readCount.add(found?.count ?? 0, ordering: .relaxed)
                }
                failures.finish()
            }
            reader.start()
            // A busy machine may not let the reader in for a while.
            let end = ContinuousClock.now + .seconds(60)
            var round = 0
            while round < 100
                || readCount.load(ordering: .relaxed) == 0 && ContinuousClock.now < end
            {
                try append("old", to: "old", of: broker)
                try broker.deleteTopic("old")
                try append("new", to: "new-\(round)", of: broker)
                round += 1
            }
            isDone.store(true, ordering: .relaxed)
            failures.waitForEnd(of: 1)
            #expect(failures.all == [])
            #expect(readCount.load(ordering: .relaxed) > 0)
        }
    }

    /// Makes a topic with some records of this value.
    private func append(_ value: String, to topic: String, of broker: Broker) throws {
        try broker.createTopic(topic, partitionCount: 1, options: Self.kept)
        let producer = try EmbeddedProducer(broker: broker)
        for _ in 0..<8 {
            var batch = RecordBatchBuilder()
            batch.append(value)
            try producer.append(&batch, to: TopicPartition(topic, PartitionIndex(0)))
        }
        try producer.flush()
    }
}

/// What went wrong on other threads, and how many of them have ended.
// SAFETY: everything is touched under the condition's lock only.
private final class Failures: @unchecked Sendable {
    private let condition = NSCondition()
    private var messages: [String] = []
    private var endedCount = 0

    func note(_ message: String) {
        condition.withLock { messages.append(message) }
    }

    func finish() {
        condition.withLock {
            endedCount += 1
            condition.broadcast()
        }
    }

    func waitForEnd(of count: Int) {
        condition.withLock {
            while endedCount < count { condition.wait() }
        }
    }

    var all: [String] { condition.withLock { messages } }
}
