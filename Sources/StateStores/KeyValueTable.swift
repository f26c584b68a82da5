public import CChecksum
public import LogModel
import Glibc

/// The values of one store that are in memory: open addressing over 64-byte slots, one cache line
/// each, with short keys and values in place.
///
///     byte  0  hash, 4 bytes; 0: the slot is free
///           4  the transaction that last changed the value, 4 bytes (`epoch`)
///           8  timestamp of the value
///          16  length of the value, -1: the key has none
///          20  length of the key, 2 bytes
///          22  flags
///          23  the checkpoint that last took the value, by its number; 0: none
///          24  the key (up to 24 bytes), or a pointer to it and its hash, 8 bytes each
///          48  the value (up to 16 bytes), or a pointer to it
///
/// A value is *dirty* while the transaction that changed it is open: `abort()` brings back what
/// was there before, from an undo log that is written at the first change of a key in a
/// transaction; `commit()` forgets the log and moves on to the next epoch. A value that changed
/// since the last checkpoint is flagged, so that a checkpoint finds it.
///
/// Keep it behind a pointer. A slot is valid until the next `insert`, and not beyond a transaction;
/// longer while `moveCount` stays the same.
public struct KeyValueTable: ~Copyable {
    /// The place of a key.
    public struct Slot {
        @usableFromInline let line: UnsafeMutableRawPointer
        @inlinable init(line: UnsafeMutableRawPointer) { self.line = line }

        /// Where it lies: something else may be there by now.
        package var address: UnsafeRawPointer { UnsafeRawPointer(line) }

        /// Asks for the cache line at an address, be it still a slot's or not.
        package static func prefetch(_ address: UnsafeRawPointer) { millrace_prefetch(address) }

        /// Notes that the key was asked for: an eviction passes it over once.
        @inlinable @inline(__always)
        func noteUse() {
            let flags = line.load(fromByteOffset: Field.flags, as: UInt8.self)
            line.storeBytes(of: flags | Flag.used, toByteOffset: Field.flags, as: UInt8.self)
        }

        func forgetUse() {
            let flags = line.load(fromByteOffset: Field.flags, as: UInt8.self)
            line.storeBytes(of: flags & ~Flag.used, toByteOffset: Field.flags, as: UInt8.self)
        }
    }

    @usableFromInline enum Field {
        @usableFromInline static let hash = 0
        @usableFromInline static let epoch = 4
        @usableFromInline static let timestamp = 8
        @usableFromInline static let valueLength = 16
        @usableFromInline static let keyLength = 20
        @usableFromInline static let flags = 22
        @usableFromInline static let checkpoint = 23
        @usableFromInline static let key = 24
        static let longKeyHash = 32
        @usableFromInline static let value = 48
        @usableFromInline static let lineByteCount = 64
        @usableFromInline static let inlineKeyLimit = 24
        @usableFromInline static let inlineValueLimit = 16
    }

    @usableFromInline enum Flag {
        /// The value differs from the engine's.
        @usableFromInline static let changed: UInt8 = 1
        /// The key was asked for since an eviction last came by.
        @usableFromInline static let used: UInt8 = 2
        /// The engine has no value of the key, nor has the checkpoint under way.
        @usableFromInline static let new: UInt8 = 4
    }

    /// What a key had before its first change in the open transaction.
    @usableFromInline struct Undo {
        @usableFromInline var line: UnsafeMutableRawPointer
        @usableFromInline var epoch: UInt32
        @usableFromInline var valueLength: Int32
        @usableFromInline var timestamp: Int64
        /// The value's 16 bytes in the slot: the value, or the pointer to it.
        @usableFromInline var value: (UInt64, UInt64)
        @usableFromInline var flags: UInt8
    }

    @usableFromInline var lines: UnsafeMutableRawPointer
    /// Places for keys, free or not.
    @usableFromInline var slotCount: Int
    /// So many keys the table takes before it makes room.
    var growthLimit: Int
    /// Whether there was no room to grow when the table last wanted to.
    var isCrowded = false
    /// Where the next eviction begins to look.
    var hand: EvictionHand
    /// What the budget has for the table; nil for one without.
    let share: MemoryShare?
    /// Keys in the table, with or without a value.
    public internal(set) var count = 0
    /// Keys whose value differs from the engine's.
    package internal(set) var changedCount = 0
    /// Changes when slots may have moved: until then, each is where it was.
    package internal(set) var moveCount = 0
    /// Keys without a value when a checkpoint last drained the table.
    private(set) var absentCount = 0
    @usableFromInline var epoch: UInt32 = 1
    @usableFromInline var undo: UnsafeMutablePointer<Undo>
    @usableFromInline var undoCount = 0
    @usableFromInline var undoCapacity: Int
    /// How often the open transaction took a value away.
    @usableFromInline var removalCount = 0
    /// Bytes of keys and values that are not in slots.
    public private(set) var outOfLineByteCount = 0
    /// Where those lie.
    var blocks = SlabArena()

    mutating func noteOutOfLine(_ change: Int) { outOfLineByteCount += change }

    /// An empty table with room for about `capacity` keys before it grows.
    public init(capacity: Int = 1_024) { self.init(capacity: capacity, share: nil) }

    /// An empty table that grows as far as its share of a budget allows.
    init(capacity: Int = 1_024, share: MemoryShare?) {
        slotCount = Self.slotCount(for: capacity)
        lines = Self.allocateLines(slotCount)
        hand = EvictionHand(slotCount: slotCount)
        growthLimit = slotCount / 5 * 3
        self.share = share
        undoCapacity = 1_024
        undo = .allocate(capacity: undoCapacity)
    }

    deinit {
        var line = lines
        for _ in 0..<slotCount {
            Self.freeLarge(line)
            line += Field.lineByteCount
        }
        for index in 0..<undoCount { Self.freeLarge(undo + index) }
        undo.deallocate()
        Self.freeLines(lines, slotCount)
    }

    /// Bytes of the place of one key.
    static var slotByteCount: Int { Field.lineByteCount }

    /// Bytes of memory that the table holds.
    public var byteCount: Int {
        slotCount * Field.lineByteCount + outOfLineByteCount
            + undoCapacity * MemoryLayout<Undo>.stride
    }

    /// Whether a transaction has changed values and is open.
    public var hasUncommittedChanges: Bool { undoCount > 0 }

    // MARK: One key

    /// Where a search for a key begins. Slots are in the order of hashes.
    @inlinable @inline(__always)
    func place(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: (hash &>> 32 &* UInt64(truncatingIfNeeded: slotCount)) &>> 32)
    }

    /// Where a search goes on.
    @inlinable @inline(__always)
    func next(_ index: Int) -> Int {
        let next = index &+ 1
        return next == slotCount ? 0 : next
    }

    /// The place of `key`, nil where the table does not know it.
    @inlinable @inline(__always)
    public func find(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Slot? {
        let tag = Self.tag(hash)
        var index = place(hash)
        while true {
            let line = lines + index &* Field.lineByteCount
            let stored = line.load(as: UInt32.self)
            if stored == tag, Self.keyEquals(line, key) { return Slot(line: line) }
            if stored == 0 { return nil }
            index = next(index)
        }
    }

    /// Asks for the cache line in which a key of this hash would be looked for first.
    @inlinable @inline(__always)
    public func prefetch(hash: UInt64) {
        millrace_prefetch(lines + place(hash) &* Field.lineByteCount)
    }

    /// A new place for `key`, which the table does not know yet, without a value.
    public mutating func insert(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Slot {
        if count >= growthLimit { makeRoom() }
        let line = freeLine(hash: hash)
        line.storeBytes(of: Self.tag(hash), as: UInt32.self)
        line.storeBytes(of: 0, toByteOffset: Field.epoch, as: UInt32.self)
        line.storeBytes(of: -1, toByteOffset: Field.timestamp, as: Int64.self)
        line.storeBytes(of: -1, toByteOffset: Field.valueLength, as: Int32.self)
        line.storeBytes(of: Flag.new, toByteOffset: Field.flags, as: UInt8.self)
        line.storeBytes(of: 0, toByteOffset: Field.checkpoint, as: UInt8.self)
        storeKey(key, hash: hash, in: line)
        count += 1
        return Slot(line: line)
    }

    /// The value at a place, nil for none; valid until the next change.
    @inlinable @inline(__always)
    public func value(_ slot: Slot) -> UnsafeRawBufferPointer? {
        let length = Int(slot.line.load(fromByteOffset: Field.valueLength, as: Int32.self))
        if length < 0 { return nil }
        return UnsafeRawBufferPointer(start: Self.valueBase(slot.line, length), count: length)
    }

    /// The timestamp of the value at a place.
    @inlinable @inline(__always)
    public func timestamp(_ slot: Slot) -> Timestamp {
        Timestamp(slot.line.load(fromByteOffset: Field.timestamp, as: Int64.self))
    }

    /// Changes the value at a place within the open transaction; nil removes it.
    @inlinable @inline(__always)
    public mutating func put(
        _ slot: Slot,
        value: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) {
        let line = slot.line
        if line.load(fromByteOffset: Field.epoch, as: UInt32.self) != epoch {
            noteUndo(line)
        }
        if value == nil { removalCount &+= 1 }
        replaceValue(in: line, with: value)
        line.storeBytes(of: timestamp.rawValue, toByteOffset: Field.timestamp, as: Int64.self)
        let flags = line.load(fromByteOffset: Field.flags, as: UInt8.self)
        line.storeBytes(of: flags | Flag.changed, toByteOffset: Field.flags, as: UInt8.self)
    }

    /// Sets a value that the engine holds: neither dirty nor changed.
    public mutating func setClean(
        _ slot: Slot,
        value: UnsafeRawBufferPointer,
        timestamp: Timestamp
    ) {
        replaceValue(in: slot.line, with: value)
        slot.line.storeBytes(
            of: timestamp.rawValue,
            toByteOffset: Field.timestamp,
            as: Int64.self
        )
        let flags = slot.line.load(fromByteOffset: Field.flags, as: UInt8.self)
        slot.line.storeBytes(of: flags & ~Flag.new, toByteOffset: Field.flags, as: UInt8.self)
    }

    /// Sets what a restore has written to the engine: neither dirty nor changed; nil for none.
    mutating func setRestored(
        _ slot: Slot,
        value: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) {
        replaceValue(in: slot.line, with: value)
        slot.line.storeBytes(
            of: timestamp.rawValue,
            toByteOffset: Field.timestamp,
            as: Int64.self
        )
        if Self.isChanged(slot.line) { changedCount -= 1 }
        slot.line.storeBytes(of: 0, toByteOffset: Field.flags, as: UInt8.self)
    }

    /// Sets a committed value outside any transaction, as a restore does; nil removes it.
    public mutating func setCommitted(
        _ slot: Slot,
        value: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) {
        precondition(undoCount == 0, "a restore happens between transactions")
        replaceValue(in: slot.line, with: value)
        slot.line.storeBytes(
            of: timestamp.rawValue,
            toByteOffset: Field.timestamp,
            as: Int64.self
        )
        markChanged(slot)
    }

    // MARK: Transactions

    /// Takes every dirty value as committed.
    public mutating func commit() {
        for index in 0..<undoCount { freeOutOfLineUndo(undo + index) }
        undoCount = 0
        removalCount = 0
        nextEpoch()
    }

    /// Brings every dirty value back to what was committed.
    public mutating func abort() {
        for index in stride(from: undoCount - 1, through: 0, by: -1) {
            let entry = undo[index]
            freeOutOfLineValue(entry.line)
            entry.line.storeBytes(of: entry.epoch, toByteOffset: Field.epoch, as: UInt32.self)
            entry.line.storeBytes(
                of: entry.valueLength,
                toByteOffset: Field.valueLength,
                as: Int32.self
            )
            entry.line.storeBytes(
                of: entry.timestamp,
                toByteOffset: Field.timestamp,
                as: Int64.self
            )
            if entry.flags & Flag.changed == 0 { changedCount -= 1 }
            entry.line.storeBytes(of: entry.flags, toByteOffset: Field.flags, as: UInt8.self)
            entry.line.storeBytes(of: entry.value.0, toByteOffset: Field.value, as: UInt64.self)
            entry.line.storeBytes(
                of: entry.value.1,
                toByteOffset: Field.value + 8,
                as: UInt64.self
            )
        }
        undoCount = 0
        removalCount = 0
        nextEpoch()
    }

    /// An epoch that comes round again must not make old values look dirty.
    private mutating func nextEpoch() {
        epoch &+= 1
        guard epoch == 0 else { return }
        epoch = 1
        forEachLine { line in
            line.storeBytes(of: 0, toByteOffset: Field.epoch, as: UInt32.self)
        }
    }

    // MARK: All keys

    /// Calls `body` with every key and committed value that differs from the engine's, for the
    /// checkpoint of a number, and takes them as equal from now on. Only between transactions.
    public mutating func drainChanged(
        forCheckpoint number: UInt8 = 0,
        _ body: (
            _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?, _ timestamp: Timestamp
        ) -> Void
    ) {
        precondition(undoCount == 0, "a checkpoint holds committed values only")
        var absent = 0
        forEachLine { line in
            if Self.isAbsent(line) { absent += 1 }
            guard Self.isChanged(line) else { return }
            let slot = Slot(line: line)
            body(Self.key(line), value(slot), timestamp(slot))
            let flags = line.load(fromByteOffset: Field.flags, as: UInt8.self)
            let kept = flags & ~(Flag.changed | Flag.new)
            line.storeBytes(of: kept, toByteOffset: Field.flags, as: UInt8.self)
            line.storeBytes(of: number, toByteOffset: Field.checkpoint, as: UInt8.self)
        }
        absentCount = absent
        changedCount = 0
    }

    /// Flags a key as different from the engine's again: its checkpoint failed.
    /// Only between transactions: an abort would bring the flag of before back.
    public mutating func markChanged(_ slot: Slot) {
        precondition(undoCount == 0, "a checkpoint's failure is taken up between transactions")
        if !Self.isChanged(slot.line) { changedCount += 1 }
        let flags = slot.line.load(fromByteOffset: Field.flags, as: UInt8.self)
        slot.line.storeBytes(
            of: flags | Flag.changed,
            toByteOffset: Field.flags,
            as: UInt8.self
        )
    }

    /// Calls `body` with every key and its value, in no order.
    public func forEach(
        _ body: (
            _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?, _ timestamp: Timestamp
        ) -> Void
    ) {
        forEachLine { line in
            let slot = Slot(line: line)
            body(Self.key(line), value(slot), timestamp(slot))
        }
    }
}
