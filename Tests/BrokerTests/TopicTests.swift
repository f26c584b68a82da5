import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing
import Threads

@Suite struct TopicTests {
    @Test(arguments: [
        ("", "Topic name is invalid: the empty string is not allowed"),
        (".", "Topic name is invalid: '.' is not allowed"),
        ("..", "Topic name is invalid: '..' is not allowed"),
        (
            "bad name!",
            "Topic name is invalid: 'bad name!' contains one or more characters other than "
                + "ASCII alphanumerics, '.', '_' and '-'"
        ),
    ])
    func `a name that Kafka refuses is refused in its words`(name: String, words: String) throws {
        let log = try LogHarness()
        #expect(throws: BrokerError.refused(.invalidTopic, words)) {
            try log.broker.createTopic(name, partitionCount: 1)
        }
    }

    @Test func `a name may have 249 characters`() {
        #expect(TopicName.problem(with: String(repeating: "x", count: 249)) == nil)
        #expect(TopicName.problem(with: String(repeating: "x", count: 250)) != nil)
    }

    @Test func `a topic exists once, and not beside one that differs by a dot`() throws {
        let log = try LogHarness()
        try log.broker.createTopic("a.b", partitionCount: 1)
        #expect(
            throws: BrokerError.refused(.topicAlreadyExists, "Topic 'a.b' already exists.")
        ) {
            try log.broker.createTopic("a.b", partitionCount: 1)
        }
        #expect(
            throws: BrokerError.refused(
                .invalidTopic,
                "Topic 'a_b' collides with existing topic: a.b"
            )
        ) {
            try log.broker.createTopic("a_b", partitionCount: 1)
        }
        #expect(throws: LogClientError.topicExists("a.b")) {
            try log.client.createTopic(TopicSpecification(name: "a.b", partitionCount: 1))
        }
    }

    @Test func `a topic without partitions is refused`() throws {
        let log = try LogHarness()
        #expect(throws: BrokerError.self) {
            try log.broker.createTopic("t", partitionCount: 0)
        }
    }

    /// Of `=` and what follows Unicode makes one character, and of what ends a value and the blank
    /// behind it another.
    @Test(arguments: ["\u{301}x", "x\u{600}", "e\u{301}", "\u{E9}"])
    func `an option's value is kept byte for byte`(value: String) throws {
        let log = try LogHarness()
        let options = ["millrace.format": value, "retention.ms": "777"]
        try log.broker.createTopic("t", partitionCount: 1, options: options)
        let again = try LogHarness(disk: log.disk.copy())
        let found = try #require(again.broker.topic("t")?.options)
        #expect(Array(try #require(found["millrace.format"]).utf8) == Array(value.utf8))
        #expect(found["retention.ms"] == "777")
        #expect(found.count == 2)
    }

    @Test func `topics and their options are there after a reopen, deleted ones are not`() throws {
        var log = try LogHarness()
        try log.broker.createTopic("kept", partitionCount: 3, options: ["retention.ms": "60000"])
        try log.broker.createTopic("gone", partitionCount: 2)
        try log.broker.deleteTopic("gone")
        for _ in 0..<2 {
            let kept = try #require(log.broker.topic("kept"))
            #expect(kept.partitions.count == 3)
            #expect(kept.options == ["retention.ms": "60000"])
            #expect(log.broker.topic("gone") == nil)
            log = try log.killed()
        }
        try log.broker.createTopic("gone", partitionCount: 1)
        #expect(try log.values("gone") == [])
    }

    @Test func `what is committed while a topic is deleted holds if it is not deleted after all`()
        throws
    {
        let log = try HookedLog()
        for topic in ["out", "other"] { try log.broker.createTopic(topic, partitionCount: 1) }
        let producer = try log.client.makeTransactionalProducer(
            transactionalID: "job-0",
            transactionTimeout: .seconds(60)
        )
        for topic in ["out", "other"] { try producer.send(["a"], to: topic) }
        let owner = try #require(log.broker.describeTransaction("job-0"))
        let broker = log.broker
        let replies = Lock<[TransactionReply?]>([])
        log.disk.onFileOperation { operation, path in
            guard operation == .write, path.contains("millrace.topics") else { return nil }
            let reply = try? broker.endTransaction(
                transactionalID: "job-0",
                producerID: owner.producerID,
                epoch: owner.epoch,
                result: .commit
            )
            replies.withLock { $0.append(reply) }
            #expect(broker.topic("out") == nil, "nobody finds it any more")
            return .failed(operation: "write", path: path, errorNumber: 5, message: "planned")
        }
        #expect(throws: BrokerError.self) { try log.broker.deleteTopic("out") }
        log.disk.onFileOperation(nil)
        #expect(replies.withLock { $0 } == [.producer(owner.producerID, ProducerEpoch(1))])
        log.housekeep(afterMilliseconds: 1000)
        for topic in ["out", "other"] { #expect(try log.values(topic) == ["a"]) }
        let next = try log.killed()
        for topic in ["out", "other"] { #expect(try next.values(topic) == ["a"]) }
    }

    @Test func `a commit at any moment of a deletion counts in what stays`() throws {
        var operation = 0
        while try commits(atOperation: operation) { operation += 1 }
        #expect(operation > 3, "the operations of a deletion")
    }

    /// Commits what was written to a topic within so many operations of its deletion; false if the
    /// deletion has fewer.
    private func commits(atOperation operation: Int) throws -> Bool {
        let log = try LogHarness()
        for topic in ["out", "other"] { try log.broker.createTopic(topic, partitionCount: 1) }
        let producer = try log.producer()
        for topic in ["out", "other"] { try producer.send(["a"], to: topic) }
        let owner = try #require(log.broker.describeTransaction("job-0"))
        let broker = log.broker
        let count = Lock(0)
        let replies = Lock<[String]>([])
        log.disk.onOperation { _, _, _ in
            let isDue = count.withLock { count in
                count += 1
                return count == operation + 1
            }
            guard isDue else { return }
            var words: String
            do throws(BrokerError) {
                let reply = try broker.endTransaction(
                    transactionalID: "job-0",
                    producerID: owner.producerID,
                    epoch: owner.epoch,
                    result: .commit
                )
                words = reply == .producer(owner.producerID, ProducerEpoch(1)) ? "done" : "\(reply)"
            } catch { words = "\(error)" }
            replies.withLock { $0.append(words) }
        }
        try log.broker.deleteTopic("out")
        log.disk.onOperation(nil)
        let found = replies.withLock { $0 }
        guard !found.isEmpty else { return false }
        #expect(found == ["done"], "operation \(operation)")
        log.broker.housekeeping(now: log.time.wallTime())
        #expect(try log.values("other") == ["a"], "operation \(operation)")
        #expect(log.broker.refusedMarkers() == [], "operation \(operation)")
        #expect(try log.killed().values("other") == ["a"], "operation \(operation)")
        return true
    }

    @Test func `an unknown topic is named`() throws {
        let log = try LogHarness()
        let name = TopicPartition("none", PartitionIndex(0))
        #expect(throws: LogClientError.unknownTopicOrPartition(name)) {
            _ = try log.client.bounds(of: name)
        }
        #expect(throws: BrokerError.self) { try log.broker.deleteTopic("none") }
    }

    @Test func `a second owner of the directory is told who has it`() throws {
        let log = try LogHarness()
        let error = #expect(throws: BrokerError.self) {
            _ = try Broker.open(
                disk: log.disk,
                directory: LogHarness.directory,
                configuration: .simulated,
                time: log.time
            )
        }
        guard case .directoryInUse(let directory, let owner)? = error else {
            Issue.record("not told who has it: \(String(describing: error))")
            return
        }
        #expect(directory == LogHarness.directory)
        #expect(owner.contains("process "))
        try log.broker.close()
        _ = try LogHarness(disk: log.disk, time: log.time)
    }

    @Test func `names of folders are told apart`() {
        #expect(
            TopicName.partition(ofFolder: "a-b-12") == TopicPartition("a-b", PartitionIndex(12))
        )
        #expect(TopicName.partition(ofFolder: "a-01") == nil)
        #expect(TopicName.partition(ofFolder: "a") == nil)
        #expect(TopicName.partition(ofFolder: "-1") == nil)
    }
}
