import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// The power goes at every changing call of a cleaning and its swaps, and again while what it left
/// is put in order: nothing is lost, and the folder is whole.
@Suite struct CompactionCrashTests {
    @Test func `a crash at any call of a cleaning loses nothing`() throws {
        var count = StateCount()
        for seed in 0..<3 as Range<UInt64> {
            var history = RandomHistory(seed: seed)
            var topic = try CompactedTopic(segmentByteLimit: 700)
            topic.options.deleteRetentionMilliseconds = 100
            // A first round, so that the second one meets what was compacted.
            for _ in 0..<2 {
                try history.write(to: &topic, count: 40)
                try topic.roll()
                let now = history.tick()
                let moments = try Self.moments(of: &topic, now: now)
                try Self.explore(moments, topic, seed: seed, now: now, &count)
            }
        }
        print(
            "CRASH STATES: cleaning: \(count.states), \(count.again) of them twice; "
                + "undone \(count.undone), completed \(count.completed), "
                + "cleaned again \(count.cleaned)"
        )
        #expect(count.states > 5_000)
        #expect(count.again > 500)
        #expect(count.undone > 100 && count.completed > 100 && count.cleaned > 100)
    }

    private struct StateCount {
        var states = 0
        var again = 0
        /// States that recovery took back to the old segments, and on to the new ones.
        var undone = 0
        var completed = 0
        /// States that were cleaned once more.
        var cleaned = 0
    }

    private struct Moment: Sendable {
        var description: String
        var disk: SimulatedDisk
    }

    private static func moments(
        of topic: inout CompactedTopic,
        now: Int64
    ) throws -> [Moment] {
        let moments = Lock<[Moment]>([])
        let disk = topic.disk
        disk.onOperation { [unowned disk] operation, number, path in
            let copy = Moment(
                description: "before \(operation.rawValue) \(number) of \(path)",
                disk: disk.copy()
            )
            moments.withLock { $0.append(copy) }
        }
        try topic.clean(now: now)
        disk.onOperation(nil)
        return moments.withLock { $0 }
            + [Moment(description: "at the end", disk: disk.copy())]
    }

    private static func explore(
        _ moments: [Moment],
        _ topic: CompactedTopic,
        seed: UInt64,
        now: Int64,
        _ count: inout StateCount
    ) throws {
        let model = CompactionModel(topic)
        let end = topic.segments.last?.base ?? .zero
        for (number, moment) in moments.enumerated() {
            let plan = moment.disk.crashPlan()
            var generator = SeededGenerator(seed: seed, case: number)
            var choices = [plan.nothingKept, plan.everythingKept]
            var seen = Set(choices)
            for _ in 0..<14 {
                let choice = plan.choice(using: &generator)
                if seen.insert(choice).inserted { choices.append(choice) }
            }
            for (state, choice) in choices.enumerated() {
                let disk = moment.disk.crashState(plan, keeping: choice)
                do {
                    if state % 4 == 3 {
                        try crashAgain(disk, model, end, &generator, &count)
                    }
                    try recover(disk, &count)
                    let files = PartitionFiles(disk: disk, directory: CompactedTopic.directory)
                    try model.check(ScannedLog(files), untouched: end)
                    if state % 8 == 5 {
                        var survivor = try CompactedTopic(topic, on: disk)
                        try survivor.clean(now: now + 1_000)
                        try model.check(ScannedLog(files), untouched: end)
                        count.cleaned += 1
                    }
                    count.states += 1
                } catch {
                    throw CompactionFailure(
                        "seed \(seed), power lost \(moment.description), state \(state): \(error)"
                    )
                }
            }
        }
    }

    private static func recover(_ disk: SimulatedDisk, _ count: inout StateCount) throws {
        let files = PartitionFiles(disk: disk, directory: CompactedTopic.directory)
        let names = try disk.list(CompactedTopic.directory)
        if try CompactedSegments(in: files).pending != nil {
            count.completed += 1
        } else if names.contains(where: { $0.hasSuffix(CleanerSuffix.cleaned) }) {
            count.undone += 1
        }
        _ = try CleanerRecovery.recover(files, names: names)
        #expect(
            try CleanerRecovery.recover(files, names: disk.list(files.directory)).pending == nil
        )
    }

    /// The power goes once more during the recovery; what is left then is recovered.
    private static func crashAgain(
        _ disk: SimulatedDisk,
        _ model: CompactionModel,
        _ end: Offset,
        _ generator: inout SeededGenerator,
        _ count: inout StateCount
    ) throws {
        let first = disk.copy()
        let files = PartitionFiles(disk: first, directory: CompactedTopic.directory)
        first.losePower(atOperation: generator.below(14))
        do {
            _ = try CleanerRecovery.recover(files, names: first.list(files.directory))
            return
        } catch let error as LogStorageError {
            switch error {
            case .disk, .readOnly: break
            default: throw error
            }
            let second = first.copy().crashState(using: &generator)
            let again = PartitionFiles(disk: second, directory: CompactedTopic.directory)
            _ = try CleanerRecovery.recover(again, names: second.list(again.directory))
            try model.check(ScannedLog(again), untouched: end)
            count.again += 1
        }
    }
}
