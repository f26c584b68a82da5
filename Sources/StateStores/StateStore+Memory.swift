/// How a store keeps to its share of the process's memory: it lets keys go that its engine holds as
/// they are, a few at a time, those first that were not used for longest.
extension StateStore {
    /// Whether keys have to go and there are few that can: the others have changed since the last
    /// checkpoint, so the next is needed.
    var isShortOfCleanKeys: Bool {
        let table = table
        return (table.pointee.isCrowded || share.excess > 0)
            && table.pointee.changedCount > table.pointee.count / 2
    }

    /// Whether the store holds so much more than its share that its transactions have to wait.
    var isFarOverBudget: Bool { share.excess > byteCount / 4 }

    /// Lets so many keys go as there is no room for, after a bounded look at some. Between
    /// transactions.
    func keepToBudget() {
        if table.pointee.isCrowded, share.excess == 0, table.pointee.growWithinBudget() {
            return noteMemory()
        }
        let wanted = evictionGoal
        guard wanted > 0 else { return }
        let index = index
        let eviction = table.pointee.evict(
            atMost: wanted,
            looking: max(table.pointee.slotCount / 8, Self.leastLookCount),
            sparing: numberUnderWay
        ) { index?.pointee.remove($0) }
        if eviction.hasDroppedValue {
            isComplete = false
            // It would only fill the table again.
            mayLoadAll = false
            loadedUpTo = nil
        }
        if share.excess > 0, table.pointee.compact(ifFreeing: 0.125) { indexAgain() }
        noteMemory()
    }

    /// How many keys should go: enough for the bytes that are too many, and so many that a table
    /// that cannot grow has a quarter of its slots free.
    private var evictionGoal: Int {
        let table = table
        let (count, excess) = (table.pointee.count, share.excess)
        var goal = table.pointee.isCrowded ? count - table.pointee.slotCount / 4 * 3 : 0
        if excess > 0 {
            let keyByteCount = max(1, byteCount / max(count, 1))
            goal = max(goal, min(excess / keyByteCount + 1, max(count / 8, Self.leastLookCount)))
        }
        return goal
    }

    /// Slots that a look may always go over: a millisecond.
    private static var leastLookCount: Int { 65_536 }

    /// Brings the index to the keys of the table after many have left it.
    func indexAgain() {
        guard let index else { return }
        index.pointee.removeAll()
        table.pointee.forEach { key, _, _ in
            index.pointee.insert(key, hash: KeyHash.hash(key))
        }
    }
}
