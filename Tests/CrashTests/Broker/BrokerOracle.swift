import LogModel

/// What a test knows of a broker: its transactions with what they hold, and what was acked.
struct BrokerOracle: Sendable {
    enum Fate: Sendable, Equatable {
        /// Nobody asked for its end: nothing of it may be seen.
        case open
        /// The answer to the commit did not come (yet): it happened or it did not.
        case committing
        case committed
        /// Never to be seen.
        case aborted
    }

    struct Transaction: Sendable {
        var owner: String
        var values: [TopicPartition: [String]] = [:]
        /// The next offset to read that its group commits with it.
        var offset: Int64?
        var fate = Fate.open

        var valueCount: Int { values.values.reduce(0) { $0 + $1.count } }
    }

    struct Owner: Sendable {
        var producerID: ProducerID
        var epoch: ProducerEpoch
    }

    /// In the order in which they began; a value's text names its transaction by this index.
    var transactions: [Transaction] = []
    /// Outside of transactions, durable.
    var plain: [TopicPartition: [String]] = [:]
    /// Plain values that were sent and not acked.
    var unackedPlain: [TopicPartition: [String]] = [:]
    /// The newest pair that each owner was given.
    var owners: [String: Owner] = [:]
    /// What readers were told.
    var highWatermarks: [TopicPartition: Int64] = [:]
    var lastStableOffsets: [TopicPartition: Int64] = [:]
    /// Offsets acked outside of transactions.
    var plainOffset: Int64?
    var unackedPlainOffset: Int64?

    static let inputPartition = TopicPartition("in", PartitionIndex(0))
    static let plainGroup = "plain"

    static func group(of owner: String) -> String { "group-\(owner)" }

    /// The offset that a group has for sure, and those that it may have as well.
    func offsets(of owner: String) -> (sure: Int64?, possible: [Int64]) {
        var sure: Int64?
        var possible: [Int64] = []
        for transaction in transactions where transaction.owner == owner {
            guard let offset = transaction.offset else { continue }
            switch transaction.fate {
            case .committed:
                sure = offset
                possible = []
            case .committing: possible.append(offset)
            case .open, .aborted: break
            }
        }
        return (sure, possible)
    }
}
