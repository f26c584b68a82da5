import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// A few partitions written back by themselves, as the cleaner asks for it.
@Suite struct PartialWriteBackTests {
    private static let options = ["segment.bytes": "1024", "cleanup.policy": "compact"]

    private func fill(_ log: TestLog, _ values: Range<Int>) throws {
        for number in values {
            for partition in 0..<2 {
                let value = "\(number) " + String(repeating: "x", count: 200)
                try log.append([value], to: partition)
            }
        }
        try log.flush()
    }

    private func count(_ log: TestLog, _ partition: Int) throws -> Int {
        try log.records(of: partition).count
    }

    @Test func `its recovery point moves, the others' and the journal stay`() throws {
        let log = try TestLog(Self.options, partitions: 2)
        try fill(log, 0..<10)
        let before = log.data.writingBack.withLock { $0 }
        try log.data.writeBack(of: [log.logs[0]])
        let after = log.data.writingBack.withLock { $0 }
        #expect(after.replayFrom == before.replayFrom)
        #expect(after.partitions[log.logs[0].key]?.place.offset == Offset(10))
        #expect(after.partitions[log.logs[1].key] == before.partitions[log.logs[1].key])
        let next = try log.afterPowerLoss()
        #expect(try (0..<2).map { try count(next, $0) } == [10, 10])
        #expect(next.data.notes.isEmpty)
    }

    @Test func `a flush that fails in it takes nothing from the journal`() throws {
        let log = try TestLog(Self.options, partitions: 2)
        try fill(log, 0..<10)
        let disk = try log.simulated
        disk.inject(DiskFault(.operation(.sync), onPathEnding: "t-0/\(Self.last)", times: 1))
        try log.data.writeBack(of: [log.logs[0]])
        #expect(log.logs[0].readOnlyReason != nil)
        for _ in 0..<100 {
            try log.append([String(repeating: "y", count: 900)], to: 1)
            try log.data.groups.flushAndWait([log.logs[1]])
        }
        try log.data.writeBack(all: false)
        let next = try log.afterPowerLoss()
        #expect(try (0..<2).map { try count(next, $0) } == [10, 110])
    }

    /// The last segment of ten records.
    private static let last = "00000000000000000009.log"

    @Test func `a crash at any call of it loses nothing`() throws {
        let log = try TestLog(Self.options, partitions: 2)
        try fill(log, 0..<10)
        let moments = Lock<[SimulatedDisk]>([])
        let disk = try log.simulated
        disk.onOperation { [unowned disk] _, _, _ in
            let copy = disk.copy()
            moments.withLock { $0.append(copy) }
        }
        try log.data.writeBack(of: [log.logs[0]])
        try fill(log, 10..<20)
        let acknowledged = moments.withLock { $0.count }
        try log.data.writeBack(of: [log.logs[1], log.logs[0]])
        try log.data.writeBack(all: false)
        disk.onOperation(nil)
        let all = moments.withLock { $0 }
        #expect(all.count > acknowledged && acknowledged > 5)
        for (number, moment) in all.enumerated() {
            let plan = moment.crashPlan()
            for choice in [plan.nothingKept, plan.everythingKept] {
                let next = try TestLog(opening: moment.crashState(plan, keeping: choice))
                for partition in 0..<2 {
                    let found = try count(next, partition)
                    #expect(found >= (number >= acknowledged ? 20 : 10), "before call \(number)")
                }
                #expect(next.logs.allSatisfy { $0.readOnlyReason == nil }, "call \(number)")
            }
        }
    }
}
