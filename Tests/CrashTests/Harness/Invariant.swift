/// What must hold whatever happened, by its number in the list of invariants.
enum Invariant: String, CaseIterable, Sendable {
    case ackedIsReadable = "I-1"
    case offsetsRise = "I-2"
    case recoveryIsAPrefix = "I-3"
    case corruptIsNeverServed = "I-4"
    case marksNeverGoBack = "I-5"
    case cachesChangeNothing = "I-6"
    case retentionKeepsOpenTransactions = "I-7"
    case failedFlushIsFinal = "I-8"
    case sequencesAppendOnce = "I-9"
    case transactionsAreWhole = "I-10"
    case committedReadsAreCommitted = "I-11"
    case lastStableOffset = "I-12"
    case commitIsFinal = "I-16"
    case preparedCompletes = "I-17"
    case committedOffsetsNeverGoBack = "I-18"
    case inputContributesOnce = "I-20"
    case oneTransactionForAll = "I-21"
    case storeFoldsChangelog = "I-22"
    case uncommittedStaysInMemory = "I-23"
    case storeAheadIsNeverServed = "I-24"
    case restoreReachesTheEnd = "I-25"
    case wipedStateComesBack = "I-26"
    case topicsAreWhole = "I-40"

    var text: String {
        switch self {
        case .ackedIsReadable: "an acked record is readable at its offset, byte-equal"
        case .offsetsRise: "offsets are dense in a batch, strictly rising, never reused"
        case .recoveryIsAPrefix: "recovery yields a prefix of what was appended"
        case .corruptIsNeverServed: "a corrupt byte is never served, flushed damage never cut"
        case .marksNeverGoBack: "high watermark, LSO and log start never go back"
        case .cachesChangeNothing: "deleting indexes and snapshots changes no answer"
        case .retentionKeepsOpenTransactions: "retention removes nothing of an open transaction"
        case .failedFlushIsFinal: "after a failed flush nothing is acknowledged"
        case .sequencesAppendOnce: "a sequence is appended at most once"
        case .transactionsAreWhole: "a transaction is visible wholly or not at all"
        case .committedReadsAreCommitted: "read_committed returns committed data only"
        case .lastStableOffset: "the LSO is the first open transaction or the high watermark"
        case .commitIsFinal: "a commit answered OK survives, an unknown one has one outcome"
        case .preparedCompletes: "a prepared transaction completes in its direction"
        case .committedOffsetsNeverGoBack: "a committed offset is durable and never goes back"
        case .inputContributesOnce: "each input record contributes exactly once"
        case .oneTransactionForAll: "offsets, outputs and changelog commit together"
        case .storeFoldsChangelog: "a store is the fold of its changelog up to its offset"
        case .uncommittedStaysInMemory: "uncommitted writes never reach a store"
        case .storeAheadIsNeverServed: "a store ahead of its changelog is never served"
        case .restoreReachesTheEnd: "a restore goes to the high watermark"
        case .wipedStateComesBack: "wiped state comes back equal"
        case .topicsAreWhole: "a topic is there or gone, and never another one's records"
        }
    }
}

/// An invariant that does not hold.
struct Violation: Error, CustomStringConvertible {
    var invariant: Invariant
    var detail: String

    var description: String { "\(invariant.rawValue) (\(invariant.text)): \(detail)" }
}

/// Throws a violation unless `holds`.
func check(
    _ invariant: Invariant,
    _ holds: Bool,
    _ detail: @autoclosure () -> String
) throws {
    guard holds else { throw Violation(invariant: invariant, detail: detail()) }
}
