import Broker
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// The power goes at each call that changes the disk; whatever the disk kept, the next open finds
/// one outcome, and the one after that the same.
@Suite struct CommitCrashTests {
    /// What the program had been told when the power went.
    private struct Promise {
        var commits = 0
    }

    private struct Outcome: Equatable {
        var first: [String]
        var second: [String]
        var offset: Int64?
        var uncommittedCount: Int
    }

    /// Transactions over two partitions and an offset: two commits, an abort, a commit.
    private func run(_ log: LogHarness, _ promise: inout Promise) throws {
        try log.broker.createTopic("in", partitionCount: 2)
        try log.broker.createTopic("out", partitionCount: 2)
        let producer = try log.producer()
        for number in 1...4 {
            let isCommitted = number != 3
            let value = isCommitted ? "c\(number)" : "aborted"
            try producer.send([value], to: "out", 0)
            try producer.send([value], to: "out", 1)
            try producer.addOffset(Int64(number), of: "in", group: "g")
            guard isCommitted else {
                try producer.abort()
                continue
            }
            try producer.commit()
            promise.commits += 1
        }
    }

    /// What a restarted job finds: its new producer first ends what the old one left.
    private func outcome(_ log: LogHarness) throws -> Outcome? {
        guard log.broker.topic("out") != nil else { return nil }
        _ = try log.producer()
        return Outcome(
            first: try log.values("out"),
            second: try log.values("out", 1),
            offset: try log.offset("g", "in"),
            uncommittedCount: try log.values("out", 0, .readUncommitted).count
        )
    }

    private func check(_ disk: SimulatedDisk, _ promise: Promise, _ words: String) throws {
        let log = try LogHarness(disk: disk)
        // A topic is there with all of its partitions or not at all.
        for name in ["in", "out"] {
            #expect([nil, 2].contains(log.broker.topic(name)?.partitions.count), "\(words)")
        }
        let found = try outcome(log)
        let committed = ["c1", "c2", "c4"]
        let count = found?.first.count ?? 0
        // I-16, I-17: what was promised is there; at most the commit under way may be as well.
        #expect(count == promise.commits || count == promise.commits + 1, "\(words)")
        #expect(found?.first ?? [] == Array(committed.prefix(count)), "\(words)")
        // I-10: both partitions and the offset are of one mind.
        #expect(found?.second ?? [] == found?.first ?? [], "\(words)")
        let offsets: [Int64?] = [nil, 1, 2, 4]
        #expect(found?.offset == offsets[min(count, 3)], "\(words)")
        // I-12: nothing hangs.
        if found != nil {
            for partition in Int32(0)..<2 {
                let bounds = try log.client.bounds(
                    of: TopicPartition("out", PartitionIndex(partition))
                )
                #expect(bounds.lastStableOffset == bounds.highWatermark, "\(words)")
            }
        }
        let again = try LogHarness(disk: disk.afterKill())
        #expect(try outcome(again)?.first == found?.first, "\(words): the outcome changed")
    }

    @Test func `a power loss inside the recovery leaves the same outcome`() throws {
        let whole = try LogHarness()
        var all = Promise()
        try run(whole, &all)
        var stateCount = 0
        for operation in stride(from: 60, to: whole.disk.operationCount, by: 3) {
            let disk = SimulatedDisk()
            disk.losePower(atOperation: operation)
            var promise = Promise()
            do {
                try run(try LogHarness(disk: disk), &promise)
            } catch is BrokerError {
            } catch is LogClientError {
            }
            let left = disk.crashState(disk.crashPlan(), keeping: disk.crashPlan().everythingKept)
            let recovered = left.copy()
            _ = try outcome(try LogHarness(disk: recovered))
            for inner in 0..<recovered.operationCount {
                let again = left.copy()
                again.losePower(atOperation: inner)
                do {
                    _ = try outcome(try LogHarness(disk: again))
                } catch is BrokerError {
                } catch is LogClientError {
                }
                var random = SeededGenerator(seed: UInt64(operation), case: inner)
                try check(
                    again.crashState(using: &random),
                    promise,
                    "operation \(operation), then \(inner) of the recovery"
                )
                stateCount += 1
            }
        }
        #expect(stateCount > 500)
    }

    @Test func `every power loss leaves one outcome`() throws {
        let whole = try LogHarness()
        var all = Promise()
        try run(whole, &all)
        #expect(all.commits == 3)
        let operationCount = whole.disk.operationCount

        var stateCount = 0
        for operation in 0..<operationCount {
            let disk = SimulatedDisk()
            disk.losePower(atOperation: operation)
            var promise = Promise()
            do {
                try run(try LogHarness(disk: disk), &promise)
            } catch is BrokerError {
            } catch is LogClientError {
            }
            let plan = disk.crashPlan()
            var random = SeededGenerator(seed: 20_261_124, case: operation)
            var choices = [plan.nothingKept, plan.everythingKept]
            for _ in 0..<3 { choices.append(plan.choice(using: &random)) }
            for (index, choice) in choices.enumerated() {
                let state = disk.crashState(plan, keeping: choice)
                try check(state, promise, "operation \(operation), choice \(index)")
                stateCount += 1
            }
            try check(disk.afterKill(), promise, "killed at operation \(operation)")
            stateCount += 1
        }
        #expect(stateCount > 500)
    }
}
