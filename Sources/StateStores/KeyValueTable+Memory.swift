public import Bytes
import CChecksum

/// How the table lays out its memory.
extension KeyValueTable {
    /// The part of a hash that is kept in the slot; never 0, which marks a free one.
    @inlinable @inline(__always)
    static func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash) | 1 }

    @inlinable @inline(__always)
    static func keyBase(_ line: UnsafeMutableRawPointer, _ length: Int) -> UnsafeRawPointer {
        if length <= Field.inlineKeyLimit { return UnsafeRawPointer(line + Field.key) }
        // SAFETY: a longer key's slot holds the pointer that `storeKey` put there.
        return line.load(fromByteOffset: Field.key, as: UnsafeRawPointer.self)
    }

    @inlinable @inline(__always)
    static func valueBase(_ line: UnsafeMutableRawPointer, _ length: Int) -> UnsafeRawPointer {
        if length <= Field.inlineValueLimit { return UnsafeRawPointer(line + Field.value) }
        // SAFETY: a longer value's slot holds the pointer that `replaceValue` put there.
        return line.load(fromByteOffset: Field.value, as: UnsafeRawPointer.self)
    }

    @inlinable @inline(__always)
    static func key(_ line: UnsafeMutableRawPointer) -> UnsafeRawBufferPointer {
        let length = Int(line.load(fromByteOffset: Field.keyLength, as: UInt16.self))
        return UnsafeRawBufferPointer(start: keyBase(line, length), count: length)
    }

    @inlinable @inline(__always)
    static func keyEquals(_ line: UnsafeMutableRawPointer, _ key: UnsafeRawBufferPointer) -> Bool {
        let length = Int(line.load(fromByteOffset: Field.keyLength, as: UInt16.self))
        guard length == key.count else { return false }
        guard length > 0, let base = key.baseAddress else { return true }
        let stored = keyBase(line, length)
        return stored.hasSameBytes(as: base, count: length)
    }

    /// The longest key that a store takes.
    public static var keyByteLimit: Int { Int(UInt16.max) }

    mutating func storeKey(
        _ key: UnsafeRawBufferPointer,
        hash: UInt64,
        in line: UnsafeMutableRawPointer
    ) {
        precondition(key.count <= Self.keyByteLimit, "a store's key has at most 65,535 bytes")
        line.storeBytes(of: UInt16(key.count), toByteOffset: Field.keyLength, as: UInt16.self)
        guard let base = key.baseAddress else { return }
        if key.count <= Field.inlineKeyLimit {
            (line + Field.key).copyMemory(from: base, byteCount: key.count)
        } else {
            let copy = allocateOutOfLine(key.count)
            copy.copyMemory(from: base, byteCount: key.count)
            line.storeBytes(
                of: UnsafeRawPointer(copy),
                toByteOffset: Field.key,
                as: UnsafeRawPointer.self
            )
            line.storeBytes(of: hash, toByteOffset: Field.longKeyHash, as: UInt64.self)
        }
    }

    /// The hash of a slot's key, for which nothing beside the slot is read.
    @inline(__always)
    static func hash(_ line: UnsafeMutableRawPointer) -> UInt64 {
        let length = Int(line.load(fromByteOffset: Field.keyLength, as: UInt16.self))
        guard length <= Field.inlineKeyLimit else {
            return line.load(fromByteOffset: Field.longKeyHash, as: UInt64.self)
        }
        return KeyHash.hash(UnsafeRawBufferPointer(start: line + Field.key, count: length))
    }

    /// Asks for the cache line in which a key of this hash would be looked for first, then, if that
    /// is at hand, for what lies outside of it.
    @inline(__always)
    func prefetch(hash: UInt64, isAtHand: Bool) {
        guard isAtHand else { return prefetch(hash: hash) }
        let line = lines + place(hash) &* Field.lineByteCount
        guard line.load(as: UInt32.self) != 0 else { return }
        let keyLength = Int(line.load(fromByteOffset: Field.keyLength, as: UInt16.self))
        if keyLength > Field.inlineKeyLimit { millrace_prefetch(Self.keyBase(line, keyLength)) }
        let valueLength = Int(line.load(fromByteOffset: Field.valueLength, as: Int32.self))
        if valueLength > Field.inlineValueLimit {
            millrace_prefetch(Self.valueBase(line, valueLength))
        }
    }

    /// Puts a value in place of the slot's. A long value reuses the block of the old one if both
    /// have the same length.
    @inlinable @inline(__always)
    mutating func replaceValue(
        in line: UnsafeMutableRawPointer,
        with value: UnsafeRawBufferPointer?
    ) {
        let oldLength = Int(line.load(fromByteOffset: Field.valueLength, as: Int32.self))
        let newLength = value?.count ?? -1
        if oldLength <= Field.inlineValueLimit, newLength <= Field.inlineValueLimit {
            if let value, let base = value.baseAddress {
                (line + Field.value).copyBytes(from: base, count: newLength)
            }
            line.storeBytes(
                of: Int32(truncatingIfNeeded: newLength),
                toByteOffset: Field.valueLength,
                as: Int32.self
            )
        } else {
            replaceLongValue(in: line, with: value)
        }
    }

    @usableFromInline @inline(never)
    mutating func replaceLongValue(
        in line: UnsafeMutableRawPointer,
        with value: UnsafeRawBufferPointer?
    ) {
        let oldLength = Int(line.load(fromByteOffset: Field.valueLength, as: Int32.self))
        let newLength = value?.count ?? -1
        precondition(newLength <= Int(Int32.max), "a store's value has less than 2 GiB")
        if oldLength != newLength {
            freeOutOfLineValue(line)
            if newLength > Field.inlineValueLimit {
                line.storeBytes(
                    of: UnsafeRawPointer(allocateOutOfLine(newLength)),
                    toByteOffset: Field.value,
                    as: UnsafeRawPointer.self
                )
            }
            line.storeBytes(
                of: Int32(newLength),
                toByteOffset: Field.valueLength,
                as: Int32.self
            )
        }
        if let value, let base = value.baseAddress {
            UnsafeMutableRawPointer(mutating: Self.valueBase(line, newLength))
                .copyMemory(from: base, byteCount: newLength)
        }
    }

    /// Remembers a slot's value before its first change in the transaction. A long value's block
    /// becomes the log's; the slot starts without one.
    @usableFromInline @inline(never)
    mutating func noteUndo(_ line: UnsafeMutableRawPointer) {
        if undoCount == undoCapacity { growUndo() }
        let length = line.load(fromByteOffset: Field.valueLength, as: Int32.self)
        (undo + undoCount).initialize(
            to: Undo(
                line: line,
                epoch: line.load(fromByteOffset: Field.epoch, as: UInt32.self),
                valueLength: length,
                timestamp: line.load(fromByteOffset: Field.timestamp, as: Int64.self),
                value: (
                    line.load(fromByteOffset: Field.value, as: UInt64.self),
                    line.load(fromByteOffset: Field.value + 8, as: UInt64.self)
                ),
                flags: line.load(fromByteOffset: Field.flags, as: UInt8.self)
            )
        )
        undoCount &+= 1
        if !Self.isChanged(line) { changedCount += 1 }
        line.storeBytes(of: epoch, toByteOffset: Field.epoch, as: UInt32.self)
        if Int(length) > Field.inlineValueLimit {
            line.storeBytes(of: -1, toByteOffset: Field.valueLength, as: Int32.self)
        }
    }

    private mutating func growUndo() {
        let capacity = undoCapacity * 2
        let moved = UnsafeMutablePointer<Undo>.allocate(capacity: capacity)
        moved.moveInitialize(from: undo, count: undoCount)
        undo.deallocate()
        undo = moved
        undoCapacity = capacity
    }

    // MARK: Slots

    func forEachLine(_ body: (UnsafeMutableRawPointer) -> Void) {
        var line = lines
        for _ in 0..<slotCount {
            if line.load(as: UInt32.self) != 0 { body(line) }
            line += Field.lineByteCount
        }
    }

    // MARK: What does not fit into a slot

    mutating func allocateOutOfLine(_ byteCount: Int) -> UnsafeMutableRawPointer {
        noteOutOfLine(byteCount)
        return blocks.allocate(byteCount)
    }

    /// Gives back what `allocateOutOfLine` gave for the same count.
    private mutating func deallocateOutOfLine(_ block: UnsafeRawPointer, _ byteCount: Int) {
        noteOutOfLine(-byteCount)
        blocks.deallocate(UnsafeMutableRawPointer(mutating: block), byteCount)
    }

    mutating func freeOutOfLineValue(_ line: UnsafeMutableRawPointer) {
        let length = Int(line.load(fromByteOffset: Field.valueLength, as: Int32.self))
        guard length > Field.inlineValueLimit else { return }
        deallocateOutOfLine(Self.valueBase(line, length), length)
    }

    mutating func freeOutOfLineUndo(_ entry: UnsafeMutablePointer<Undo>) {
        let length = Int(entry.pointee.valueLength)
        guard length > Field.inlineValueLimit, let block = Self.undoBlock(entry) else { return }
        deallocateOutOfLine(block, length)
    }

    mutating func releaseOutOfLine(_ line: UnsafeMutableRawPointer) {
        freeOutOfLineValue(line)
        let length = Int(line.load(fromByteOffset: Field.keyLength, as: UInt16.self))
        guard length > Field.inlineKeyLimit else { return }
        deallocateOutOfLine(Self.keyBase(line, length), length)
    }

    /// The block of a long value in the log.
    private static func undoBlock(_ entry: UnsafeMutablePointer<Undo>) -> UnsafeRawPointer? {
        // SAFETY: the first word of a long value's slot is the pointer to its block.
        UnsafeRawPointer(bitPattern: UInt(entry.pointee.value.0))
    }

    // MARK: The end

    /// Frees what a slot has in memory that is not the arena's.
    static func freeLarge(_ line: UnsafeMutableRawPointer) {
        guard line.load(as: UInt32.self) != 0 else { return }
        let valueLength = Int(line.load(fromByteOffset: Field.valueLength, as: Int32.self))
        freeLarge(valueLength > SlabArena.blockByteLimit ? valueBase(line, valueLength) : nil)
        let keyLength = Int(line.load(fromByteOffset: Field.keyLength, as: UInt16.self))
        freeLarge(keyLength > SlabArena.blockByteLimit ? keyBase(line, keyLength) : nil)
    }

    /// The same of an entry of the log.
    static func freeLarge(_ entry: UnsafeMutablePointer<Undo>) {
        guard Int(entry.pointee.valueLength) > SlabArena.blockByteLimit else { return }
        freeLarge(undoBlock(entry))
    }

    private static func freeLarge(_ block: UnsafeRawPointer?) {
        SlabArena.deallocateLarge(UnsafeMutableRawPointer(mutating: block))
    }
}
