import Broker
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

/// Positions of a transaction of which only a part found room.
@Suite struct AbortedOffsetsTests {
    @Test func `an abort takes back positions that were added in part`() throws {
        let log = try HookedLog()
        try log.broker.createTopic("in", partitionCount: 4000)
        let producer = try log.client.makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        let all = (0..<4000).map { TopicPartition("in", PartitionIndex($0)) }
        let count = Lock(0)
        log.disk.onFileOperation { operation, path in
            guard operation == .write, path.contains("__consumer_offsets-"),
                path.hasSuffix(".log")
            else { return nil }
            let isFirst = count.withLock { count in
                count += 1
                return count == 1
            }
            return isFirst ? nil : .full(path: path)
        }
        let group = "a-job-with-a-name-of-some-length-as-jobs-have"
        let offsets = all.map { ($0, InputPosition(Offset(7), of: nil)) }
        #expect(throws: LogClientError.self) {
            try producer.addOffsets(Dictionary(uniqueKeysWithValues: offsets), group: group)
        }
        log.disk.onFileOperation(nil)
        try producer.abort()
        #expect(try log.client.committedOffsets(group: group, partitions: [all[0]]).isEmpty)
        // The next transaction commits what is its own.
        let own = [all[3999]: InputPosition(Offset(1), of: nil)]
        try producer.addOffsets(own, group: group)
        try producer.commit()
        #expect(try log.client.committedOffsets(group: group, partitions: [all[0]]).isEmpty)
        let found = try log.client.committedOffsets(group: group, partitions: [all[3999]])
        #expect(found == [all[3999]: Offset(1)])
    }

    @Test func `who waits for positions is told why, and not kept for long`() throws {
        var configuration = BrokerConfiguration(execution: .threads(flushThreadCount: 1))
        configuration.internalPartitionCount = 1
        configuration.journal = .small
        configuration.housekeepingInterval = .milliseconds(5)
        let log = try HookedLog(configuration)
        try log.broker.createTopic("in", partitionCount: 1)
        let producer = try log.client.makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        let name = TopicPartition("in", PartitionIndex(0))
        try producer.addOffsets([name: InputPosition(Offset(1), of: nil)], group: "g")
        log.disk.onFileOperation { operation, path in
            operation == .write && path.contains("__consumer_offsets-0") && path.hasSuffix(".log")
                ? .full(path: path) : nil
        }
        try producer.commit()
        while log.broker.refusedMarkers().isEmpty {
            _ = log.broker.waitForChange(since: 0, timeout: .milliseconds(20))
        }
        let asked = Lock<LogClientError?>(nil)
        let asker = OwnedThread {
            do throws(LogClientError) {
                _ = try log.client.committedOffsets(group: "g", partitions: [name])
            } catch { asked.withLock { $0 = error } }
        }
        let end = ContinuousClock.now + .seconds(300)
        while asked.withLock({ $0 }) == nil, ContinuousClock.now < end {
            log.time.advance(milliseconds: 1_000)
            _ = log.broker.waitForChange(since: 0, timeout: .milliseconds(20))
        }
        log.disk.onFileOperation(nil)
        asker.join()
        guard case .full(let words)? = asked.withLock({ $0 }) else {
            Issue.record("no lack of room was told: \(String(describing: asked.withLock { $0 }))")
            return
        }
        #expect(words.contains("__consumer_offsets-0 takes no marker"))
        try log.broker.close()
    }
}
