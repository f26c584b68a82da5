import Broker
import EmbeddedClient
import Foundation
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// The log as jobs run it: threads, a real disk.
@Suite struct ThreadedLogTests {
    private func withLog(_ body: (Broker, EmbeddedClient) throws -> Void) throws {
        let path =
            FileManager.default.temporaryDirectory.path
            + "/millrace-broker-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let broker = try Broker.open(disk: PosixDisk(), directory: path)
        try body(broker, EmbeddedClient(broker: broker))
        try broker.close()
        let again = try Broker.open(
            disk: PosixDisk(),
            directory: path,
            configuration: BrokerConfiguration(execution: .inline)
        )
        try again.close()
    }

    private func read(
        _ client: EmbeddedClient,
        _ partition: Int32,
        until count: Int
    ) throws
        -> [String]
    {
        var signal: UInt64 = 0
        while true {
            signal = client.waitForChange(since: signal, timeout: .seconds(5))
            let values = try LogReader(client: client).values(
                of: TopicPartition("out", PartitionIndex(partition)),
                isolation: .readCommitted
            )
            if values.count >= count { return values }
        }
    }

    @Test func `transactions follow each other and readers are woken`() throws {
        try withLog { broker, client in
            try broker.createTopic("out", partitionCount: 4)
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
            try broker.createTopic("out", partitionCount: 4)
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
