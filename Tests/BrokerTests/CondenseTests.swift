import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// The coordinators' logs stay short and still say the same.
@Suite struct CondenseTests {
    private func filled(_ disk: SimulatedDisk = SimulatedDisk()) throws -> LogHarness {
        var configuration = BrokerConfiguration.simulated
        configuration.coordinatorRecordLimit = 20
        let log = try LogHarness(disk: disk, configuration: configuration)
        try log.broker.createTopic("in", partitionCount: 1)
        try log.broker.createTopic("out", partitionCount: 1)
        for job in 0..<2 {
            let producer = try log.producer("job-\(job)")
            for number in Int64(1)...20 {
                try producer.send(["\(job).\(number)"], to: "out")
                try producer.addOffset(number, of: "in", group: "g\(job)")
                try producer.commit()
            }
        }
        return log
    }

    private func starts(_ log: LogHarness) -> [Int64] {
        InternalTopic.allCases.map {
            log.broker.topic($0.rawValue)?.partitions[0].log.bounds.logStart.rawValue ?? 0
        }
    }

    private func check(_ log: LogHarness) throws {
        for job in 0..<2 {
            #expect(try log.offset("g\(job)", "in") == 20)
            let found = try #require(log.broker.describeTransaction("job-\(job)"))
            #expect(found.epoch == ProducerEpoch(20))
        }
    }

    @Test func `long logs of the coordinators are rewritten and tell the same`() throws {
        let log = try filled()
        #expect(starts(log) == [0, 0])
        log.broker.housekeeping(now: log.time.wallTime())
        #expect(starts(log).allSatisfy { $0 > 0 })
        try check(log)
        try check(try log.killed())
        let again = try log.reopened()
        try check(again)
        let producer = try again.producer("job-0")
        try producer.send(["more"], to: "out")
        try producer.addOffset(21, of: "in", group: "g0")
        try producer.commit()
        #expect(try again.killed().offset("g0", "in") == 21)
    }

    @Test func `nothing is rewritten while a transaction holds offsets`() throws {
        let log = try filled()
        let producer = try log.producer("job-0")
        try producer.addOffset(99, of: "in", group: "g0")
        log.broker.housekeeping(now: log.time.wallTime())
        #expect(starts(log)[1] == 0)
        try producer.commit()
        #expect(try log.killed().offset("g0", "in") == 99)
    }

    @Test func `a power loss while they are rewritten loses nothing`() throws {
        let before = try filled()
        let disk = before.disk.copy()
        let whole = try LogHarness(disk: disk.copy(), configuration: before.broker.configuration)
        let begin = whole.disk.operationCount
        whole.broker.housekeeping(now: whole.time.wallTime())
        for operation in begin..<whole.disk.operationCount {
            let cut = disk.copy()
            let log = try LogHarness(disk: cut, configuration: before.broker.configuration)
            cut.losePower(atOperation: operation)
            log.broker.housekeeping(now: log.time.wallTime())
            let plan = cut.crashPlan()
            var random = SeededGenerator(seed: 4, case: operation)
            for choice in [plan.nothingKept, plan.everythingKept, plan.choice(using: &random)] {
                try check(try LogHarness(disk: cut.crashState(plan, keeping: choice)))
            }
        }
    }
}
