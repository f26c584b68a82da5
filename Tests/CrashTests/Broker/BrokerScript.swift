import MillraceTestKit
import Testing

/// What is done to a broker, step by step.
enum BrokerStep: Sendable {
    /// Records in the owner's transaction, to these partitions.
    case produce(owner: String, partitions: [Int32])
    case offsets(owner: String)
    case commit(owner: String)
    case abort(owner: String)
    /// A newer owner of the same id, whatever was open.
    case takeOver(owner: String)
    /// Longer than any transaction may take.
    case timeout
    case plain(partition: Int32)
    case plainOffset
    case reopen
    case kill
}

struct BrokerScript: Sendable, CustomTestStringConvertible {
    var name: String
    var steps: [BrokerStep]
    var statesPerMoment: Int
    var minimumStateCount: Int
    var rareStates: [RareState]

    var testDescription: String { name }

    static let all: [BrokerScript] = [
        BrokerScript(
            name: "one commit over two partitions and offsets",
            steps: [
                .produce(owner: "a", partitions: [0, 1]), .offsets(owner: "a"),
                .commit(owner: "a"),
            ],
            statesPerMoment: 96,
            minimumStateCount: 5_000,
            rareStates: [
                .undecidedBecameCommitted, .undecidedBecameAborted, .completedByRecovery,
            ]
        ),
        BrokerScript(
            name: "commit, abort, fence and timeout",
            steps: [
                .produce(owner: "a", partitions: [0, 1]), .offsets(owner: "a"),
                .commit(owner: "a"), .produce(owner: "a", partitions: [1]),
                // Its flush makes what stands before it durable, of the open transaction too.
                .plain(partition: 1),
                .produce(owner: "b", partitions: [0]), .abort(owner: "a"),
                .takeOver(owner: "b"), .produce(owner: "b", partitions: [0, 1]), .timeout,
                .takeOver(owner: "b"), .offsets(owner: "b"), .commit(owner: "b"), .plainOffset,
            ],
            statesPerMoment: 40,
            minimumStateCount: 4_000,
            rareStates: [
                .undecidedBecameCommitted, .undecidedBecameAborted, .completedByRecovery,
                .openTransaction, .abortedSurvived, .crashInRecovery,
                .epochRaised, .tailLost,
            ]
        ),
        random(name: "two owners at random", seed: 21, count: 45),
        random(name: "three owners at random", seed: 22, count: 45, owners: ["a", "b", "c"]),
    ]

    private static func random(
        name: String,
        seed: UInt64,
        count: Int,
        owners: [String] = ["a", "b"]
    ) -> BrokerScript {
        var generator = SeededGenerator(seed: seed)
        var steps: [BrokerStep] = []
        for _ in 0..<count {
            let owner = owners[generator.below(owners.count)]
            switch generator.below(20) {
            case 0..<6:
                let partitions: [[Int32]] = [[0], [1], [0, 1], [1, 0]]
                steps.append(.produce(owner: owner, partitions: partitions[generator.below(4)]))
            case 6..<8: steps.append(.offsets(owner: owner))
            case 8..<12: steps.append(.commit(owner: owner))
            case 12, 13: steps.append(.abort(owner: owner))
            case 14: steps.append(.takeOver(owner: owner))
            case 15: steps.append(.timeout)
            case 16: steps.append(.plain(partition: Int32(generator.below(2))))
            case 17: steps.append(.plainOffset)
            case 18: steps.append(.reopen)
            default: steps.append(.kill)
            }
        }
        return BrokerScript(
            name: name,
            steps: steps,
            statesPerMoment: 16,
            minimumStateCount: 4_000,
            rareStates: [
                .undecidedBecameCommitted, .undecidedBecameAborted, .completedByRecovery,
                .openTransaction, .abortedSurvived, .crashInRecovery,
                .epochRaised, .tailLost, .nameLost,
            ]
        )
    }
}
