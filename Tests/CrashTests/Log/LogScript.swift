import LogStorage
import MillraceTestKit
import Testing

/// A named list of steps.
struct LogScript: Sendable, CustomTestStringConvertible {
    var name: String
    var steps: [LogStep]
    var partitionCount = 2
    var segmentByteLimit = 2048
    var valueByteCount = 40
    var journal = Self.smallFiles
    var statesPerMoment: Int
    var minimumStateCount: Int
    var rareStates: [RareState]

    var testDescription: String { name }

    /// Files so small that they are used again and again.
    static var smallFiles: JournalConfiguration {
        var configuration = JournalConfiguration.small
        configuration.fileByteCount = 8 << 10
        configuration.zeroedByteCount = 2 << 10
        configuration.bulkByteCount = 2 << 10
        configuration.openFileLimit = 4
        return configuration
    }

    static let all: [LogScript] = [
        LogScript(
            name: "three appends",
            steps: [.plain(records: 2, in: 0), .plain(records: 30, in: 1), .flush([0, 1])],
            statesPerMoment: 512,
            minimumStateCount: 4_000,
            rareStates: [.acknowledgedNothing, .tailLost, .nameLost, .unackedSurvived]
        ),
        LogScript(
            name: "one transaction over two partitions and its decision",
            steps: [
                .transactional(producer: 1, records: 3, in: 0),
                .transactional(producer: 1, records: 9, in: 1), .decide,
                .end(producer: 1, commit: true, in: 0), .end(producer: 1, commit: true, in: 1),
                .flush([0, 1]),
            ],
            statesPerMoment: 256,
            minimumStateCount: 3_000,
            rareStates: [.openTransaction, .tailLost, .groupLost, .groupSurvived]
        ),
        LogScript(
            name: "a failed flush of the journal, then a restart",
            steps: [
                .plain(records: 3, in: 0), .flush([0]), .plain(records: 20, in: 0),
                .transactional(producer: 1, records: 4, in: 1), .failingJournal, .kill,
                .plain(records: 2, in: 1), .flush([0, 1]),
            ],
            statesPerMoment: 100,
            minimumStateCount: 500,
            rareStates: [.failedFlush, .tailLost]
        ),
        LogScript(
            name: "a failed flush of a segment, journaled and bulk, then a restart",
            steps: [
                .plain(records: 3, in: 0), .plain(records: 3, in: 1), .flush([0, 1]),
                .bulk(in: 0), .plain(records: 4, in: 1), .failingSegment(in: 0),
                .plain(records: 4, in: 1), .flush([1]), .writeBack, .plain(records: 2, in: 1),
                .flush([1]), .writeBack, .kill, .plain(records: 2, in: 0), .flush([0, 1]), .reopen,
            ],
            statesPerMoment: 50,
            minimumStateCount: 4_000,
            rareStates: [.failedFlush, .tailLost]
        ),
        LogScript(
            name: "bulk beside journaled data, under one decision",
            steps: [
                .bulk(in: 0), .plain(records: 2, in: 1), .decide, .bulk(in: 1),
                .plain(records: 1, in: 0), .bulk(in: 0), .decide, .kill, .plain(records: 2, in: 0),
                .decide, .writeBack, .bulk(in: 0), .flush([0]), .reopen,
            ],
            statesPerMoment: 40,
            minimumStateCount: 6_000,
            rareStates: [.groupLost, .groupSurvived, .segmentLost]
        ),
        LogScript(
            name: "a topic deleted and made anew",
            steps: [
                .plain(records: 5, in: 0), .plain(records: 2, in: 1), .flush([0, 1]), .recreate,
                .plain(records: 3, in: 0), .decide, .deleteRecords(in: 0), .writeBack, .recreate,
                .plain(records: 1, in: 1), .kill, .plain(records: 1, in: 0), .flush([0, 1]),
                .recreate, .reopen, .plain(records: 4, in: 0), .flush([0]),
            ],
            statesPerMoment: 30,
            minimumStateCount: 4_000,
            rareStates: [.topicGone, .nameLost, .groupSurvived]
        ),
        random(name: "plain and idempotent, rolling", seed: 11, count: 70, transactions: false),
        random(name: "transactions, rolling", seed: 12, count: 80, transactions: true),
        random(name: "transactions, larger batches", seed: 13, count: 70, transactions: true, 300),
        random(name: "three partitions, rolling", seed: 14, count: 80, transactions: true, 80, 3),
    ]

    /// Steps by seed, in the proportions of a busy partition.
    private static func random(
        name: String,
        seed: UInt64,
        count: Int,
        transactions: Bool,
        _ valueByteCount: Int = 40,
        _ partitionCount: Int = 2
    ) -> LogScript {
        var generator = SeededGenerator(seed: seed)
        var steps: [LogStep] = []
        for _ in 0..<count {
            steps.append(
                randomStep(&generator, transactions, partitions: partitionCount)
            )
        }
        var rareStates: [RareState] = [
            .tornBatchCut, .tailLost, .nameLost, .segmentLost, .unackedSurvived, .snapshotLost,
            .crashInRecovery, .duplicateRefused, .startMoved, .groupLost, .groupSurvived,
            .journalReused,
        ]
        if transactions { rareStates += [.openTransaction, .abortedSurvived] }
        return LogScript(
            name: name,
            steps: steps,
            partitionCount: partitionCount,
            valueByteCount: valueByteCount,
            statesPerMoment: 16,
            minimumStateCount: 4_000,
            rareStates: rareStates
        )
    }

    private static func randomStep(
        _ generator: inout SeededGenerator,
        _ transactions: Bool,
        partitions: Int
    ) -> LogStep {
        let producer = Int64(100 + generator.below(3))
        let records = 1 + generator.below(8)
        let partition = generator.below(partitions)
        switch generator.below(transactions ? 20 : 11) {
        case 0: return .plain(records: records, in: partition)
        case 1, 2: return .idempotent(producer: producer + 100, records: records, in: partition)
        case 3: return .flush(Array(0..<partitions))
        case 4: return generator.oneIn(2) ? .flush([partition]) : .decide
        case 5: return .retry(producer: producer + 100, in: partition)
        case 6: return generator.oneIn(2) ? .deleteRecords(in: partition) : .decide
        case 7: return generator.oneIn(2) ? .reopen : .kill
        case 8: return .plain(records: 12, in: partition)
        case 9: return generator.oneIn(3) ? .bulk(in: partition) : .decide
        case 10: return .writeBack
        case 11, 12, 13, 14:
            return .transactional(producer: producer, records: records, in: partition)
        default: return .end(producer: producer, commit: generator.oneIn(2), in: partition)
        }
    }
}
