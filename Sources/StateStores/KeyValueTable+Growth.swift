import Glibc

/// How the table grows and shrinks within its memory.
extension KeyValueTable {
    /// Makes room for one key more: by growth, as far as the budget has room for it; else by
    /// filling more of the slots than is good for searches, until keys are let go; and against the
    /// budget where that is not enough, for what a transaction has changed must stay.
    @inline(never)
    mutating func makeRoom() {
        if growWithinBudget() { return }
        isCrowded = true
        let most = slotCount / 8 * 7
        if count < most {
            growthLimit = most
        } else {
            resize(to: slotCount + slotCount / 4)
        }
    }

    /// Grows, if there is room for an eighth more at least.
    mutating func growWithinBudget() -> Bool {
        let room = share.map { $0.room / Field.lineByteCount } ?? .max
        let wanted = slotCount + min(slotCount, room)
        guard wanted >= slotCount + slotCount / 8 else { return false }
        resize(to: wanted)
        return true
    }

    /// Moves all keys to other memory. Slots follow the order of hashes, so both are walked from
    /// end to end, and what is behind the walk is given back at once. The undo log follows: the
    /// slots in it bear their number there in place of their tag meanwhile.
    mutating func resize(to newCount: Int) {
        precondition(newCount > count && newCount <= Int(UInt32.max), "a table holds its keys")
        moveCount &+= 1
        for index in 0..<undoCount {
            undo[index].line.storeBytes(of: UInt32(index + 1), as: UInt32.self)
        }
        if let share {
            share.update(to: share.byteCount + (newCount - slotCount) * Field.lineByteCount)
        }
        var line = lines
        var left = slotCount
        lines = Self.allocateLines(newCount, isFilledAtOnce: true)
        slotCount = newCount
        growthLimit = newCount / 5 * 3
        isCrowded = false
        hand = EvictionHand(slotCount: newCount)
        count = 0
        while left > 0 {
            let piece = min(left, Self.pieceSlotCount)
            let start = line
            for _ in 0..<piece {
                if line.load(as: UInt32.self) != 0 { move(line) }
                line += Field.lineByteCount
            }
            Self.freeLines(start, piece)
            left -= piece
        }
    }

    /// 4 MiB.
    private static var pieceSlotCount: Int { 65_536 }

    /// Copies an occupied slot of the old memory into the new; what it points to goes along.
    private mutating func move(_ line: UnsafeMutableRawPointer) {
        let hash = Self.hash(line)
        let place = freeLine(hash: hash)
        place.copyMemory(from: line, byteCount: Field.lineByteCount)
        place.storeBytes(of: Self.tag(hash), as: UInt32.self)
        if place.load(fromByteOffset: Field.epoch, as: UInt32.self) == epoch {
            // Changed in the open transaction, so it is in the log, under this number.
            undo[Int(line.load(as: UInt32.self)) - 1].line = place
        }
        count += 1
    }

    func freeLine(hash: UInt64) -> UnsafeMutableRawPointer {
        var index = place(hash)
        while true {
            let line = lines + index &* Field.lineByteCount
            if line.load(as: UInt32.self) == 0 { return line }
            index = next(index)
        }
    }

    /// Slots that are enough for so many keys.
    static func slotCount(for capacity: Int) -> Int { max(64, capacity / 3 * 5 + 5) }

    /// Zeroed memory for slots; large tables ask for huge pages, which halve the cost of misses.
    /// The pages of a smaller one that is filled at once come in one go, which takes a fraction of
    /// giving each at its first use; where the system cannot, they come one by one.
    static func allocateLines(
        _ count: Int,
        isFilledAtOnce: Bool = false
    ) -> UnsafeMutableRawPointer {
        let byteCount = count * Field.lineByteCount
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        guard let lines = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0),
            lines != MAP_FAILED
        else { fatalError("no memory for a table of \(byteCount) bytes") }
        if byteCount >= hugePageByteCount { madvise(lines, byteCount, MADV_HUGEPAGE) }
        if isFilledAtOnce, byteCount < 2 * hugePageByteCount {
            madvise(lines, byteCount, MADV_POPULATE_WRITE)
        }
        return lines
    }

    private static var hugePageByteCount: Int { 2 << 20 }

    static func freeLines(_ lines: UnsafeMutableRawPointer, _ count: Int) {
        munmap(lines, count * Field.lineByteCount)
    }
}
