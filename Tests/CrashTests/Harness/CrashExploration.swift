import MillraceTestKit
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// One state to recover from.
struct CrashCase<Oracle: Sendable> {
    /// As it was when the power went, cache and all.
    var before: SimulatedDisk
    var disk: SimulatedDisk
    var stores: SimulatedStores?
    var oracle: Oracle
    var generator: SeededGenerator
    /// Names of rare things that this case met.
    var met: Set<RareState> = []
}

/// Takes the moments of a workload, makes the states that a power loss may leave at each, and has
/// each of them recovered and checked. Counts states and rare states; a failure names what brings
/// it back.
struct CrashExploration {
    /// The workload's name in the printed lines.
    let name: String
    /// What `swift test --filter` finds the test by.
    let filter: String
    let seed: UInt64
    /// A moment with no more states than this has all of them checked; of others, so many.
    var statesPerMoment: Int

    private(set) var stateCount = 0
    private(set) var completeMomentCount = 0
    private(set) var met: [RareState: Int] = [:]
    private var failureCount = 0
    private let only: (moment: Int, state: Int)?

    private static let mostFailuresShown = 3

    init(name: String, filter: String, seed: UInt64, statesPerMoment: Int) {
        self.name = name
        self.filter = filter
        self.seed = ReRun.seed ?? seed
        self.statesPerMoment = statesPerMoment * ReRun.scale
        only = ReRun.state
    }

    mutating func explore<Oracle>(
        _ moments: [CrashMoment<Oracle>],
        recover: (inout CrashCase<Oracle>) throws -> Void
    ) {
        guard ReRun.workload == nil || ReRun.workload == name else { return }
        for (index, moment) in moments.enumerated() {
            guard only == nil || only?.moment == index else { continue }
            let plan = moment.disk.crashPlan()
            let choices = self.choices(of: plan, moment: index)
            for (number, choice) in choices.enumerated() {
                guard only == nil || only?.state == number else { continue }
                var generator = SeededGenerator(seed: seed, case: index << 20 | number)
                let stores = moment.stores?.crashState(using: &generator)
                var crash = CrashCase(
                    before: moment.disk,
                    disk: moment.disk.crashState(plan, keeping: choice),
                    stores: stores,
                    oracle: moment.oracle,
                    generator: generator
                )
                stateCount += 1
                do {
                    try recover(&crash)
                } catch {
                    report(error, at: moment.description, moment: index, state: number)
                    guard failureCount < Self.mostFailuresShown else { return }
                }
                for name in crash.met { met[name, default: 0] += 1 }
            }
        }
    }

    private mutating func choices(of plan: CrashPlan, moment: Int) -> [CrashPlan.Choice] {
        if let count = plan.stateCount(upTo: statesPerMoment) {
            completeMomentCount += 1
            return (0..<count).map(plan.choice(number:))
        }
        var generator = SeededGenerator(seed: seed, case: moment)
        var seen: Set<CrashPlan.Choice> = []
        var choices = [plan.nothingKept, plan.everythingKept]
        seen.formUnion(choices)
        // Some manners soon have nothing new to give: bounded tries.
        for _ in 0..<statesPerMoment * 4 where choices.count < statesPerMoment {
            let choice = plan.choice(using: &generator)
            if seen.insert(choice).inserted { choices.append(choice) }
        }
        return choices
    }

    private mutating func report(_ error: any Error, at place: String, moment: Int, state: Int) {
        failureCount += 1
        Issue.record(
            """
            \(name): \(error)
            power lost \(place); seed \(seed), state \(moment):\(state); again with
            MILLRACE_SEED=\(seed) MILLRACE_WORKLOAD='\(name)' MILLRACE_STATE=\(moment):\(state) \
            swift test --filter '\(filter)'
            """
        )
    }

    /// Prints what was done and fails a run that was too weak to mean anything.
    func finish(atLeast minimum: Int, meeting rareStates: [RareState]) {
        guard only == nil, ReRun.workload == nil else { return }
        let rare = met.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\($0.key.rawValue) \($0.value)" }
        ReRun.print(
            "CRASH STATES: \(name): \(stateCount) (all of \(completeMomentCount) moments), "
                + "seed \(seed); met: " + rare.joined(separator: ", ")
        )
        #expect(stateCount >= minimum, "too few crash states for the claim made of them")
        let missing = rareStates.filter { met[$0] == nil }.map(\.rawValue)
        #expect(missing.isEmpty, "too weak: rare states that were never met")
    }
}

/// Things that happen seldom; a suite that never meets the ones that it names proves nothing.
enum RareState: String, Hashable, CaseIterable, Sendable {
    case tornBatchCut = "torn batch cut"
    case acknowledgedNothing = "nothing was acked yet"
    case unackedSurvived = "unacked records survived"
    case tailLost = "unflushed tail lost"
    case snapshotLost = "snapshot lost"
    case nameLost = "directory entry lost"
    case segmentLost = "segment lost"
    case crashInRecovery = "crash in recovery"
    case openTransaction = "open transaction found"
    case abortedSurvived = "aborted transaction survived"
    case markerHalfWritten = "marker on some partitions only"
    case completedByRecovery = "transaction completed by recovery"
    case abortedByRecovery = "transaction aborted by recovery"
    case undecidedBecameCommitted = "undecided commit took place"
    case undecidedBecameAborted = "undecided commit did not take place"
    case epochRaised = "epoch raised after recovery"
    case failedFlush = "failed flush"
    case duplicateRefused = "duplicate recognised after recovery"
    case checkpointLost = "store checkpoint lost"
    case storeBehind = "store behind its changelog"
    case restoredFromNothing = "store restored from nothing"
    case startMoved = "log start moved"
    case groupLost = "group lost whole"
    case groupSurvived = "unacked group survived whole"
    case journalReused = "journal file used again"
    case topicGone = "topic gone"
}

/// What the environment asks for: another seed, one workload or one state only, more states.
enum ReRun {
    static let seed = value("MILLRACE_SEED").flatMap { UInt64($0) }
    /// The one workload to run, by its name in the printed lines.
    static let workload = value("MILLRACE_WORKLOAD")
    /// Multiplies the states of each moment: for long runs.
    static let scale = value("MILLRACE_SCALE").flatMap { Int($0) } ?? 1

    static let state: (moment: Int, state: Int)? = {
        guard let parts = value("MILLRACE_STATE")?.split(separator: ":"), parts.count == 2,
            let moment = Int(parts[0]), let state = Int(parts[1])
        else { return nil }
        return (moment, state)
    }()

    private static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    static func print(_ line: String) {
        Swift.print(line)
    }
}
