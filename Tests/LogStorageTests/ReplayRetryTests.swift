import Bytes
import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// A start that cannot write what the journal has of a partition, for a reason that passes: the
/// partition waits, the journal is kept for it, and it comes back by itself.
@Suite struct ReplayRetryTests {
    private static let segment = "t-1/00000000000000000000.log"

    /// What writing a segment fails with.
    enum Failure: CaseIterable, Sendable {
        case noRoom, noDescriptor, inputError

        func error(_ path: String) -> DiskError {
            switch self {
            case .noRoom: .full(path: path)
            case .noDescriptor:
                .failed(operation: "open", path: path, errorNumber: 24, message: "planned")
            case .inputError:
                .failed(operation: "write", path: path, errorNumber: 5, message: "planned")
            }
        }
    }

    /// Three partitions with a record each that the journal alone has, and the disk that a machine
    /// finds whose power went.
    private func left() throws -> HookedDisk {
        let log = try TestLog(partitions: 3)
        for partition in 0..<3 { try log.append(["of \(partition)"], to: partition) }
        try log.flush()
        return HookedDisk(try log.simulated.withoutUnflushed())
    }

    private func fail(_ disk: HookedDisk, _ failure: Failure = .noRoom) {
        disk.onFileOperation { operation, path in
            operation == .write && path.hasSuffix(Self.segment) ? failure.error(path) : nil
        }
    }

    /// Uses every file of the journal several times over.
    private func useJournal(_ log: TestLog) throws {
        for _ in 0..<200 {
            try log.append([String(repeating: "x", count: 900)], to: 0)
            try log.data.groups.flushAndWait([log.logs[0]])
        }
        try log.data.writeBack(all: false)
    }

    private func values(_ log: TestLog, _ partition: Int) throws -> [String] {
        try log.records(of: partition).map(\.value)
    }

    @Test(arguments: Failure.allCases)
    func `a partition whose replay failed comes back once the disk lets it`(
        failure: Failure
    ) throws {
        let disk = try left()
        fail(disk, failure)
        let log = try TestLog(opening: disk)
        let reason = try #require(log.logs[1].offlineReason)
        #expect(reason.contains("is written again by itself"))
        #expect(log.logs[1].isUnreplayed)
        #expect(throws: LogStorageError.self) { try log.append(["no"], to: 1) }
        try useJournal(log)
        // It fails again, and again after twice the time.
        for milliseconds in [1000, 1999, 1] as [Int64] {
            log.time.advance(milliseconds: milliseconds)
            #expect(try log.data.replayWaiting().isEmpty)
            #expect(log.logs[1].isUnreplayed)
        }
        disk.onFileOperation(nil)
        log.time.advance(milliseconds: 3999)
        #expect(try log.data.replayWaiting().isEmpty)
        log.time.advance(milliseconds: 1)
        #expect(try log.data.replayWaiting().map(\.name) == [log.logs[1].name])
        #expect(log.logs[1].readOnlyReason == nil)
        #expect(try values(log, 1) == ["of 1"])
        #expect(try values(log, 0).count == 201)
        try log.append(["more"], to: 1)
        try log.flush()
        #expect(try log.data.replayWaiting().isEmpty)
        let killed = try TestLog(opening: disk.disk.withoutUnflushed())
        #expect(try values(killed, 1) == ["of 1", "more"])
        try log.close()
        let again = try TestLog(opening: disk.disk.withoutUnflushed())
        #expect(try values(again, 1) == ["of 1", "more"])
        #expect(again.data.notes.isEmpty)
    }

    @Test func `whoever ends before it came back finds it at the next start`() throws {
        let disk = try left()
        fail(disk)
        let log = try TestLog(opening: disk)
        try useJournal(log)
        try log.close()
        disk.onFileOperation(nil)
        let again = try TestLog(opening: disk.disk.withoutUnflushed())
        #expect(!again.logs[1].isUnreplayed)
        #expect(try values(again, 1) == ["of 1"])
        #expect(try values(again, 2) == ["of 2"])
    }

    @Test func `a folder that is somebody else's stays offline`() throws {
        let disk = try left()
        let mark = "/data/t-1/\(FolderMark.fileName)"
        try disk.disk.createDirectory("/data/t-1")
        if try disk.kind(of: mark) != nil { try disk.remove(mark) }
        let other = PartitionKey(topicID: UniqueID(high: 7, low: 7), partition: PartitionIndex(1))
        try disk.disk.append(FolderMark(other).bytes, to: mark)
        let log = try TestLog(opening: disk)
        #expect(log.logs[1].offlineReason != nil)
        #expect(!log.logs[1].isUnreplayed)
        log.time.advance(milliseconds: 600_000)
        #expect(try log.data.replayWaiting().isEmpty)
    }

    /// The power goes at every changing call from the failed start on.
    @Test func `a crash at any call until it is written back loses nothing`() throws {
        let disk = try left()
        let moments = Lock<[SimulatedDisk]>([])
        let simulated = disk.disk
        simulated.onOperation { [unowned simulated] _, _, _ in
            let copy = simulated.copy()
            moments.withLock { $0.append(copy) }
        }
        fail(disk)
        let log = try TestLog(opening: disk)
        try log.append(["more"], to: 0)
        try log.data.groups.flushAndWait([log.logs[0]])
        try log.data.writeBack(all: false)
        disk.onFileOperation(nil)
        log.time.advance(milliseconds: 1000)
        #expect(try log.data.replayWaiting().count == 1)
        let begin = moments.withLock { $0.count }
        try log.append(["more"], to: 1)
        try log.flush()
        let acknowledged = moments.withLock { $0.count }
        try log.data.writeBack(all: false)
        try log.close()
        simulated.onOperation(nil)
        let all = moments.withLock { $0 } + [simulated.copy()]
        #expect(all.count > 10 && begin > 0)
        for (number, moment) in all.enumerated() {
            let plan = moment.crashPlan()
            for choice in [plan.nothingKept, plan.everythingKept] {
                let next = try TestLog(opening: moment.crashState(plan, keeping: choice))
                let found = try values(next, 1)
                #expect(found.first == "of 1", "before call \(number)")
                if number >= acknowledged { #expect(found == ["of 1", "more"], "call \(number)") }
                #expect(try values(next, 0).first == "of 0", "before call \(number)")
                #expect(try values(next, 2) == ["of 2"], "before call \(number)")
                #expect(next.logs.allSatisfy { $0.readOnlyReason == nil }, "call \(number)")
            }
        }
    }

    @Test func `the pace slows down to a minute`() {
        var pace = RetryPace(failedAt: 0)
        var tries: [UInt64] = []
        for second in 1...400 as ClosedRange<UInt64> where pace.isDue(at: second * 1_000_000_000) {
            tries.append(second)
        }
        #expect(tries == [1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363])
    }
}
