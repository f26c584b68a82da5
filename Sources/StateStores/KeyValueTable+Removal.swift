import LogModel

/// How keys leave the table: only between transactions, for the undo log refers to slots.
extension KeyValueTable {
    /// What an eviction did.
    package struct Eviction {
        /// Keys that have left.
        package var count = 0
        /// Whether one of them had a value, which the table then lacks.
        package var hasDroppedValue = false
    }

    /// Lets keys go whose value the engine holds, or has not: about `limit` of them, after a look
    /// at no more than `lookLimit` slots, from where the last look ended. A key that was used since
    /// is passed over once. Those that the checkpoint of the number `spared` took stay: the engine
    /// may not have them yet. `body` learns of each before.
    package mutating func evict(
        atMost limit: Int,
        looking lookLimit: Int,
        sparing spared: UInt8?,
        _ body: (_ key: UnsafeRawBufferPointer) -> Void = { _ in }
    ) -> Eviction {
        precondition(undoCount == 0, "eviction happens between transactions")
        var eviction = Eviction()
        var looked = 0
        while eviction.count < limit, looked < lookLimit, count > 0 {
            var index = hand.next() * EvictionHand.blockSlotCount
            let end = min(index + EvictionHand.blockSlotCount, slotCount)
            while index < end {
                let line = lines + index * Field.lineByteCount
                looked += 1
                if Self.isEvictable(line, spared) {
                    if !Self.isAbsent(line) { eviction.hasDroppedValue = true }
                    body(Self.key(line))
                    // What follows moves up: look at this slot again.
                    remove(line)
                    eviction.count += 1
                } else {
                    Slot(line: line).forgetUse()
                    index += 1
                }
            }
        }
        return eviction
    }

    /// Drops every key that has no value, and none in the engine; `body` learns of each before.
    mutating func forgetAbsent(_ body: (_ key: UnsafeRawBufferPointer) -> Void) {
        precondition(undoCount == 0, "keys are forgotten between transactions")
        var index = 0
        while index < slotCount {
            let line = lines + index * Field.lineByteCount
            if line.load(as: UInt32.self) != 0, Self.isAbsent(line), !Self.isChanged(line) {
                body(Self.key(line))
                // What follows moves up: look at this slot again.
                remove(line)
            } else {
                index += 1
            }
        }
    }

    /// Drops a key if it has no value, and none in the engine; `body` learns of it before.
    mutating func forgetAbsent(
        _ key: UnsafeRawBufferPointer,
        _ body: (_ key: UnsafeRawBufferPointer) -> Void
    ) {
        precondition(undoCount == 0, "keys are forgotten between transactions")
        guard let slot = find(key, hash: KeyHash.hash(key)), Self.isAbsent(slot.line),
            !Self.isChanged(slot.line)
        else { return }
        body(Self.key(slot.line))
        remove(slot.line)
    }

    /// Calls `body` with the keys that came and went since the last checkpoint and whose value the
    /// open transaction took away: once it is committed nobody needs to know of them.
    func forEachGone(_ body: (_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> Void) {
        guard removalCount > 0 else { return }
        for index in 0..<undoCount {
            let line = undo[index].line
            guard Self.isAbsent(line),
                line.load(fromByteOffset: Field.flags, as: UInt8.self) & Flag.new != 0
            else { continue }
            body(Self.key(line), Self.hash(line))
        }
    }

    /// Takes the value of a key away, without a transaction. A key that the engine never had leaves
    /// the table; another one stays, for a checkpoint to remove it there.
    ///
    /// - Returns: whether the key has left.
    mutating func discard(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Bool {
        precondition(undoCount == 0, "keys are discarded between transactions")
        guard let slot = find(key, hash: hash) else { return true }
        let line = slot.line
        if line.load(fromByteOffset: Field.flags, as: UInt8.self) & Flag.new != 0 {
            if Self.isChanged(line) { changedCount -= 1 }
            remove(line)
            return true
        }
        if !Self.isAbsent(line) { setCommitted(slot, value: nil, timestamp: .none) }
        return false
    }

    /// Gives memory back after keys have left, if there is at least this part of it to give.
    @discardableResult
    package mutating func compact(ifFreeing part: Double) -> Bool {
        precondition(undoCount == 0, "slots move between transactions")
        let slots = max(Self.slotCount(for: count + count / 8), Self.slotCountToKeep)
        guard Double(slots) <= Double(slotCount) * (1 - part) else { return false }
        resize(to: slots)
        return true
    }

    /// 256 KiB: smaller tables would only grow again.
    private static var slotCountToKeep: Int { 4_096 }

    /// Frees a slot. Keys behind it that were kept from their own place move up, so that no search
    /// ends before them.
    private mutating func remove(_ line: UnsafeMutableRawPointer) {
        releaseOutOfLine(line)
        moveCount &+= 1
        var free = (line - lines) / Field.lineByteCount
        var index = free
        while true {
            index = next(index)
            let candidate = lines + index &* Field.lineByteCount
            guard candidate.load(as: UInt32.self) != 0 else { break }
            let home = place(Self.hash(candidate))
            // How far the key is from its place, and how far the free slot is from it.
            if distance(from: home, to: index) >= distance(from: free, to: index) {
                (lines + free &* Field.lineByteCount).copyMemory(
                    from: candidate,
                    byteCount: Field.lineByteCount
                )
                free = index
            }
        }
        (lines + free &* Field.lineByteCount).storeBytes(of: 0, as: UInt32.self)
        count -= 1
    }

    /// Steps of a search from one slot to another.
    private func distance(from start: Int, to end: Int) -> Int {
        end >= start ? end &- start : end &- start &+ slotCount
    }

    static func isChanged(_ line: UnsafeMutableRawPointer) -> Bool {
        line.load(fromByteOffset: Field.flags, as: UInt8.self) & Flag.changed != 0
    }

    private static func isEvictable(_ line: UnsafeMutableRawPointer, _ spared: UInt8?) -> Bool {
        guard line.load(as: UInt32.self) != 0,
            line.load(fromByteOffset: Field.flags, as: UInt8.self) & ~Flag.new == 0
        else { return false }
        return line.load(fromByteOffset: Field.checkpoint, as: UInt8.self) != spared
    }

    static func isAbsent(_ line: UnsafeMutableRawPointer) -> Bool {
        line.load(fromByteOffset: Field.valueLength, as: Int32.self) < 0
    }
}
