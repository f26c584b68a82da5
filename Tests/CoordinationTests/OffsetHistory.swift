import LogModel

@testable import Coordination

/// Group offsets whose records and markers are appended by many threads outside of the lock: each
/// append is announced, lands in the log some time later, and is applied some time after that.
struct OffsetHistory {
    /// What the log holds, in its order.
    enum Item {
        case records([OffsetRecord], producerID: ProducerID)
        case marker(ProducerID, TransactionResult)
    }

    private struct Append {
        var ticket: OffsetAppend
        var item: Item
        /// The number of the transaction, where there is one.
        var transaction: Int?
        var landedAt: Int?
    }

    private(set) var offsets = GroupOffsets()
    private(set) var log: [Item] = []
    private var appends: [Append] = []
    private var random: SplitMix
    private var nextPosition: Int64 = 0
    /// How many transactions of each producer are ended in the log, and how many are applied.
    private var ended = [Int](repeating: 0, count: 3)
    private var begun = [Int](repeating: 0, count: 3)

    init(seed: UInt64) { random = SplitMix(state: seed) }

    /// Whether the live state has all that the log has.
    var isCaughtUp: Bool { appends.allSatisfy { $0.landedAt == nil } }
    var isIdle: Bool { appends.isEmpty }

    mutating func step() {
        switch random.next(10) {
        case 0, 1: beginCommit(of: nil)
        case 2, 3: beginCommit(of: random.next(3))
        case 4: beginMarker(of: random.next(3))
        case 5: if random.next(4) == 0 { beginRemoval() }
        case 6, 7: land()
        default: apply()
        }
        offsets.checkInvariants()
    }

    mutating func drain() {
        while !appends.isEmpty {
            land()
            apply()
        }
    }

    /// What a restart makes of the log.
    func replayed() -> GroupOffsets {
        var again = GroupOffsets()
        var at: Int64 = 0
        for item in log { Self.apply(item, at: &at, to: &again) }
        again.checkInvariants()
        return again
    }

    private mutating func beginCommit(of producer: Int?) {
        let group = "g\(random.next(2))"
        guard let ticket = offsets.beginAppend(of: group) else { return }
        nextPosition += 1
        let record = OffsetRecord(
            group: group,
            partition: TopicPartition("data", PartitionIndex(Int32(random.next(2)))),
            value: CommittedOffset(
                offset: Offset(nextPosition),
                topicID: dataID,
                commitTime: Timestamp(0)
            )
        )
        appends.append(
            Append(
                ticket: ticket,
                item: .records([record], producerID: producer.map(Self.id) ?? .none),
                transaction: producer.map { begun[$0] }
            )
        )
    }

    private mutating func beginMarker(of producer: Int) {
        let isOnItsWay = appends.contains {
            guard case .marker(let id, _) = $0.item else { return false }
            return id == Self.id(producer)
        }
        guard !isOnItsWay else { return }
        let result: TransactionResult = random.next(2) == 0 ? .commit : .abort
        appends.append(
            Append(
                ticket: offsets.beginMarker(),
                item: .marker(Self.id(producer), result),
                transaction: begun[producer]
            )
        )
    }

    private mutating func beginRemoval() {
        let removal: (records: [OffsetRecord], append: OffsetAppend)
        if random.next(2) == 0 {
            guard let found = offsets.removeTopic(dataID, name: "data") else { return }
            removal = (found.records, found.append)
        } else {
            let append = offsets.beginRemoval(of: [ExactText("g0")])
            guard offsets.isAlone(append) else { return offsets.finishAppend(append) }
            removal = (offsets.tombstones(of: "g0", .all), append)
        }
        appends.append(
            Append(
                ticket: removal.append,
                item: .records(removal.records, producerID: .none),
                transaction: nil
            )
        )
    }

    /// An append lands, or fails: as when its transaction was ended before.
    private mutating func land() {
        let waiting = appends.indices.filter { appends[$0].landedAt == nil }
        guard let index = waiting.randomElement(using: &random) else { return }
        let append = appends[index]
        var isStale = random.next(10) == 0
        switch append.item {
        case .marker(let id, _): isStale = false; ended[Int(id.rawValue)] += 1
        case .records(_, let id):
            if id != .none, append.transaction != ended[Int(id.rawValue)] { isStale = true }
        }
        guard !isStale else {
            offsets.finishAppend(append.ticket)
            appends.remove(at: index)
            return
        }
        appends[index].landedAt = log.count
        log.append(append.item)
    }

    private mutating func apply() {
        let landed = appends.indices.filter { appends[$0].landedAt != nil }
        guard let index = landed.randomElement(using: &random) else { return }
        let append = appends.remove(at: index)
        var at = log[..<(append.landedAt ?? 0)].reduce(Int64(0)) { $0 + Self.count(of: $1) }
        Self.apply(append.item, at: &at, to: &offsets)
        offsets.finishAppend(append.ticket)
        if case .marker(let id, _) = append.item { begun[Int(id.rawValue)] += 1 }
    }

    private static func apply(_ item: Item, at: inout Int64, to offsets: inout GroupOffsets) {
        switch item {
        case .marker(let producerID, let result):
            offsets.end(producerID: producerID, result: result, at: Offset(at))
            at += 1
        case .records(let records, let producerID):
            for record in records {
                offsets.apply(record, at: Offset(at), producerID: producerID)
                at += 1
            }
        }
    }

    private static func count(of item: Item) -> Int64 {
        guard case .records(let records, _) = item else { return 1 }
        return Int64(records.count)
    }

    private static func id(_ producer: Int) -> ProducerID { ProducerID(Int64(producer)) }
}
