package import LogModel
import StateStores
package import Telemetry

/// What a thread spends its time with. Told once a turn and once a step of a commit.
package struct CommitTimes: Equatable, Sendable {
    /// The parts that are told apart, in the order of a commit.
    package enum Phase: String, CaseIterable, Sendable {
        case process
        case flushOutput = "flush-output"
        case addOffsets = "add-offsets"
        case endTransaction = "end-transaction"
        case applyToStores = "apply-to-stores"
        case rewind
    }

    /// Nanoseconds by phase, in their order.
    private var spent = [UInt64](repeating: 0, count: Phase.allCases.count)
    /// From the begin of a commit to its transaction's end.
    package private(set) var commits = HistogramCounts.latencies
    private var begin: UInt64 = 0
    private var commitBegin: UInt64?

    package init() {}

    /// The seconds that were spent in a phase.
    package func seconds(in phase: Phase) -> Double {
        Phase.allCases.firstIndex(of: phase).map { Double(spent[$0]) / 1e9 } ?? 0
    }

    mutating func noteTurn(since begin: UInt64, at now: UInt64) {
        spent[0] &+= now &- min(begin, now)
    }

    /// An action of the commit cycle begins.
    mutating func begin(_ action: CommitCycle.Action, at now: UInt64) {
        begin = now
        // A step that is tried again belongs to the commit that it is of.
        if action == .flushOutput, commitBegin == nil { commitBegin = now }
    }

    /// It has succeeded.
    mutating func end(_ action: CommitCycle.Action, at now: UInt64) {
        guard let phase = Self.place(of: action) else { return }
        spent[phase] &+= now &- min(begin, now)
        switch action {
        case .endTransaction:
            if let commitBegin { commits.observe(nanosecondsSince: commitBegin, at: now) }
            commitBegin = nil
        case .rewind: commitBegin = nil
        case .none, .flushOutput, .addOffsets, .applyToStores, .abortTransaction, .replaceProducer,
            .retry, .hold, .stop:
            return
        }
    }

    private static func place(of action: CommitCycle.Action) -> Int? {
        switch action {
        case .flushOutput: 1
        case .addOffsets: 2
        case .endTransaction: 3
        case .applyToStores: 4
        case .abortTransaction, .rewind, .replaceProducer: 5
        case .none, .retry, .hold, .stop: nil
        }
    }
}

/// One store of one task as others see it.
package struct StoreFacts: Equatable, Sendable {
    static let intervalNanoseconds: UInt64 = 1_000_000_000

    package let name: String
    package let partition: PartitionIndex
    /// Keys in memory, with or without a value.
    package let entryCount: Int
    /// Bytes of memory.
    package let byteCount: Int
    /// Whether that is every key that the store has.
    package let isComplete: Bool

    init(_ store: StateStore, _ name: String, _ partition: PartitionIndex) {
        self.name = name
        self.partition = partition
        entryCount = store.table.pointee.count
        byteCount = store.byteCount
        isComplete = store.isComplete
    }
}
