import MillraceTestKit
import Testing

/// A workload on one partition: what is done to it, step by step.
enum LogStep: Sendable {
    case plain(records: Int)
    case idempotent(producer: Int64, records: Int)
    case transactional(producer: Int64, records: Int)
    case end(producer: Int64, commit: Bool)
    /// The last batch of a producer once more, as after a lost answer.
    case retry(producer: Int64)
    case flush
    case deleteRecords
    /// Closed in order and opened again.
    case reopen
    /// The process dies, the machine does not.
    case kill
    case failingFlush
}

/// A named list of steps.
struct LogScript: Sendable, CustomTestStringConvertible {
    var name: String
    var steps: [LogStep]
    var segmentByteLimit = 2048
    var valueByteCount = 40
    var statesPerMoment: Int
    var minimumStateCount: Int
    var rareStates: [RareState]

    var testDescription: String { name }

    static let all: [LogScript] = [
        LogScript(
            name: "three appends",
            steps: [.plain(records: 2), .plain(records: 30), .flush],
            statesPerMoment: 4096,
            minimumStateCount: 100,
            rareStates: [.acknowledgedNothing, .tailLost, .nameLost, .unackedSurvived]
        ),
        LogScript(
            name: "one transaction",
            steps: [
                .transactional(producer: 1, records: 3), .flush, .end(producer: 1, commit: true),
                .flush,
            ],
            statesPerMoment: 4096,
            minimumStateCount: 60,
            rareStates: [.openTransaction, .tailLost]
        ),
        LogScript(
            name: "a failed flush, then a restart",
            steps: [
                .plain(records: 3), .flush, .plain(records: 20),
                .transactional(producer: 1, records: 4),
                .failingFlush, .kill, .plain(records: 2), .flush,
            ],
            statesPerMoment: 400,
            minimumStateCount: 500,
            rareStates: [.failedFlush, .tailLost]
        ),
        random(name: "plain and idempotent, rolling", seed: 11, count: 60, transactions: false),
        random(name: "transactions, rolling", seed: 12, count: 70, transactions: true),
        random(name: "transactions, larger batches", seed: 13, count: 60, transactions: true, 300),
    ]

    /// Steps by seed, in the proportions of a busy partition.
    private static func random(
        name: String,
        seed: UInt64,
        count: Int,
        transactions: Bool,
        _ valueByteCount: Int = 40
    ) -> LogScript {
        var generator = SeededGenerator(seed: seed)
        var steps: [LogStep] = []
        for _ in 0..<count {
            let producer = Int64(100 + generator.below(3))
            let records = 1 + generator.below(8)
            switch generator.below(transactions ? 16 : 9) {
            case 0: steps.append(.plain(records: records))
            case 1, 2: steps.append(.idempotent(producer: producer + 100, records: records))
            case 3, 4: steps.append(.flush)
            case 5: steps.append(.retry(producer: producer + 100))
            case 6: steps.append(generator.oneIn(2) ? .deleteRecords : .flush)
            case 7: steps.append(generator.oneIn(2) ? .reopen : .kill)
            case 8: steps.append(.plain(records: 12))
            case 9, 10, 11, 12: steps.append(.transactional(producer: producer, records: records))
            default: steps.append(.end(producer: producer, commit: generator.oneIn(2)))
            }
        }
        var rareStates: [RareState] = [
            .tornBatchCut, .tailLost, .nameLost, .segmentLost, .unackedSurvived, .snapshotLost,
            .crashInRecovery, .duplicateRefused, .startMoved,
        ]
        if transactions { rareStates += [.openTransaction, .abortedSurvived] }
        return LogScript(
            name: name,
            steps: steps,
            valueByteCount: valueByteCount,
            statesPerMoment: 40,
            minimumStateCount: 2_000,
            rareStates: rareStates
        )
    }
}
