import Bytes
import Glibc
import StateStores

/// The newest session of those keys that records came for lately: mostly it is the one that the
/// next record joins, which then need not be searched for.
///
/// What is known of a key is a start that none of its sessions is behind: it stays true when
/// sessions are removed, and `note` keeps it true when one is put. It lies in the one of 16,384
/// lines that the key's hash tells, until another key takes that:
///
///     byte  0  hash of the key, 8 bytes
///           8  the start, 8 bytes
///          16  where the session's slot was when it was last used, 8 bytes
///          24  length of the key, 2 bytes; 0: the line is free
///          26  the key, escaped, up to 38 bytes
///
/// The slot may have moved: nothing is done with its place but to ask for it early. The lines are
/// in memory by pages, as keys come to them; what that amounts to is told to the owner.
final class NewestSessions {
    /// The start of a key that has no session.
    static let none = Int64.min
    private static let lineCount = 16_384
    private static let lineByteCount = 64
    private static let keyByteLimit = 38
    private static let pageByteCount = 4_096
    /// The lines of this many keys that were told of last: so long a line takes to come.
    private static let aheadCount = 8

    @exclusivity(unchecked) private var lines = allocate()
    /// Which pages of the lines have been written to.
    @exclusivity(unchecked) private var pages = [Bool](
        repeating: false,
        count: lineCount * lineByteCount / pageByteCount
    )
    @exclusivity(unchecked) private var byteCount = 0
    private let noteByteCount: (Int) -> Void

    /// The lines that were asked for last, in a ring.
    private let ahead = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(
        capacity: aheadCount
    )
    @exclusivity(unchecked) private var aheadIndex = 0

    /// The line whose start was told last.
    @exclusivity(unchecked) private var told: UnsafeMutableRawPointer

    /// Nothing known; `noteByteCount` learns of the memory that is held, each time that it changes.
    init(_ noteByteCount: @escaping (Int) -> Void) {
        self.noteByteCount = noteByteCount
        told = lines
        ahead.initialize(repeating: nil, count: Self.aheadCount)
    }

    deinit {
        free(lines)
        ahead.deallocate()
    }

    /// A start that no session of an escaped key is behind; nil where none is known.
    func start(of key: UnsafeRawBufferPointer) -> Int64? {
        let hash = Self.hash(key)
        let line = line(hash)
        guard Self.holds(line, key, hash) else { return nil }
        told = line
        return line.load(fromByteOffset: 8, as: Int64.self)
    }

    /// Takes note of a start that no session of an escaped key is behind.
    func set(_ start: Int64, of key: UnsafeRawBufferPointer) {
        guard let bytes = key.baseAddress, key.count <= Self.keyByteLimit else { return }
        let hash = Self.hash(key)
        let line = line(hash)
        line.storeBytes(of: hash, as: UInt64.self)
        line.storeBytes(of: start, toByteOffset: 8, as: Int64.self)
        line.storeBytes(of: 0, toByteOffset: 16, as: UInt.self)
        line.storeBytes(of: UInt16(key.count), toByteOffset: 24, as: UInt16.self)
        (line + 26).copyMemory(from: bytes, byteCount: key.count)
        notePage(of: line)
    }

    private func notePage(of line: UnsafeMutableRawPointer) {
        let page = (line - lines) / Self.pageByteCount
        guard !pages[page] else { return }
        pages[page] = true
        byteCount += Self.pageByteCount
        noteByteCount(byteCount)
    }

    /// Takes note of a session that was put.
    func note(_ start: Int64, of key: UnsafeRawBufferPointer) {
        let hash = Self.hash(key)
        let line = line(hash)
        guard Self.holds(line, key, hash),
            line.load(fromByteOffset: 8, as: Int64.self) < start
        else { return }
        line.storeBytes(of: start, toByteOffset: 8, as: Int64.self)
    }

    /// Takes note of the slot of the session whose start was told last.
    func note(_ slot: KeyValueTable.Slot) {
        told.storeBytes(of: slot.address, toByteOffset: 16, as: UnsafeRawPointer.self)
    }

    /// Asks for what is known of a record's key that comes soon, and for the slot of one that was
    /// told of before.
    func lookAhead(to key: UnsafeRawBufferPointer) {
        let line = line(KeyHash.hash(key))
        KeyValueTable.Slot.prefetch(line)
        if let known = ahead[aheadIndex] {
            let slot = known.load(fromByteOffset: 16, as: UnsafeRawPointer?.self)
            if let slot { KeyValueTable.Slot.prefetch(slot) }
        }
        ahead[aheadIndex] = line
        aheadIndex = (aheadIndex &+ 1) % Self.aheadCount
    }

    /// Forgets everything: sessions may be back that were removed.
    func removeAll() {
        free(lines)
        lines = Self.allocate()
        for page in pages.indices { pages[page] = false }
        byteCount = 0
        noteByteCount(0)
        told = lines
        ahead.update(repeating: nil, count: Self.aheadCount)
    }

    /// The hash of a key as records have it: without the two zeros that end an escaped one.
    private static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        KeyHash.hash(UnsafeRawBufferPointer(start: key.baseAddress, count: max(0, key.count &- 2)))
    }

    private func line(_ hash: UInt64) -> UnsafeMutableRawPointer {
        lines + Int(truncatingIfNeeded: hash % UInt64(Self.lineCount)) &* Self.lineByteCount
    }

    private static func holds(
        _ line: UnsafeMutableRawPointer,
        _ key: UnsafeRawBufferPointer,
        _ hash: UInt64
    ) -> Bool {
        guard line.load(as: UInt64.self) == hash, let bytes = key.baseAddress,
            Int(line.load(fromByteOffset: 24, as: UInt16.self)) == key.count
        else { return false }
        return UnsafeRawPointer(line + 26).hasSameBytes(as: bytes, count: key.count)
    }

    /// Memory of zeros, of which the system gives what is touched.
    private static func allocate() -> UnsafeMutableRawPointer {
        guard let lines = calloc(lineCount, lineByteCount) else {
            fatalError("no memory for \(lineCount * lineByteCount) bytes beside a store")
        }
        return lines
    }
}
