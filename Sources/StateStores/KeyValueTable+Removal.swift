/// How keys leave the table: only between transactions, for the undo log refers to slots.
extension KeyValueTable {
    /// Drops every key whose value the engine holds, or has not; true if one of them had a value.
    @discardableResult
    public mutating func evictClean() -> Bool {
        precondition(undoCount == 0, "eviction happens between transactions")
        let oldLines = lines
        let oldCount = mask + 1
        var kept = 0
        forEachLine { line in if Self.isChanged(line) { kept += 1 } }
        useLines(Self.slotCount(for: kept * 2))
        var hasDroppedValue = false
        var line = oldLines
        for _ in 0..<oldCount {
            if line.load(as: UInt32.self) != 0 {
                if Self.isChanged(line) {
                    move(line)
                } else {
                    if !Self.isAbsent(line) { hasDroppedValue = true }
                    releaseOutOfLine(line)
                }
            }
            line += Field.lineByteCount
        }
        Self.freeLines(oldLines, oldCount)
        return hasDroppedValue
    }

    /// Drops every key that has no value, and none in the engine; `body` learns of each before.
    mutating func forgetAbsent(_ body: (_ key: UnsafeRawBufferPointer) -> Void) {
        precondition(undoCount == 0, "keys are forgotten between transactions")
        var index = 0
        while index <= mask {
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

    /// Gives memory back after most keys have left; false while there is little to give.
    mutating func compact() -> Bool {
        precondition(undoCount == 0, "slots move between transactions")
        let slots = max(Self.slotCount(for: count * 2), Self.slotCountToKeep)
        guard slots * 4 <= mask + 1 else { return false }
        let oldLines = lines
        let oldCount = mask + 1
        useLines(slots)
        var line = oldLines
        for _ in 0..<oldCount {
            if line.load(as: UInt32.self) != 0 { move(line) }
            line += Field.lineByteCount
        }
        Self.freeLines(oldLines, oldCount)
        return true
    }

    /// 256 KiB: smaller tables would only grow again.
    private static let slotCountToKeep = 4_096

    /// Empty slots in place of the ones so far, which the caller frees.
    private mutating func useLines(_ slots: Int) {
        lines = Self.allocateLines(slots)
        mask = slots - 1
        count = 0
    }

    /// Frees a slot. Keys behind it that were kept from their own place move up, so that no search
    /// ends before them.
    private mutating func remove(_ line: UnsafeMutableRawPointer) {
        releaseOutOfLine(line)
        var free = (line - lines) / Field.lineByteCount
        var index = free
        while true {
            index = (index &+ 1) & mask
            let candidate = lines + index &* Field.lineByteCount
            guard candidate.load(as: UInt32.self) != 0 else { break }
            let hash = KeyHash.hash(Self.key(candidate))
            let home = Int(truncatingIfNeeded: hash &>> 32) & mask
            // How far the key is from its place, and how far the free slot is from it.
            if (index &- home) & mask >= (index &- free) & mask {
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

    private static func isChanged(_ line: UnsafeMutableRawPointer) -> Bool {
        line.load(fromByteOffset: Field.flags, as: UInt8.self) & Flag.changed != 0
    }

    static func isAbsent(_ line: UnsafeMutableRawPointer) -> Bool {
        line.load(fromByteOffset: Field.valueLength, as: Int32.self) < 0
    }
}
