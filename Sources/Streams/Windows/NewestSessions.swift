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
///          16  length of the key, 2 bytes; 0: the line is free
///          18  the key, escaped, up to 46 bytes
final class NewestSessions {
    /// The start of a key that has no session.
    static let none = Int64.min
    private static let lineCount = 16_384
    private static let lineByteCount = 64
    private static let keyByteLimit = 46

    @exclusivity(unchecked) private var lines = allocate()

    deinit { free(lines) }

    /// A start that no session of an escaped key is behind; nil where none is known.
    func start(of key: UnsafeRawBufferPointer) -> Int64? {
        let hash = KeyHash.hash(key)
        let line = line(hash)
        guard Self.holds(line, key, hash) else { return nil }
        return line.load(fromByteOffset: 8, as: Int64.self)
    }

    /// Takes note of a start that no session of an escaped key is behind.
    func set(_ start: Int64, of key: UnsafeRawBufferPointer) {
        guard let bytes = key.baseAddress, key.count <= Self.keyByteLimit else { return }
        let hash = KeyHash.hash(key)
        let line = line(hash)
        line.storeBytes(of: hash, as: UInt64.self)
        line.storeBytes(of: start, toByteOffset: 8, as: Int64.self)
        line.storeBytes(of: UInt16(key.count), toByteOffset: 16, as: UInt16.self)
        (line + 18).copyMemory(from: bytes, byteCount: key.count)
    }

    /// Takes note of a session that was put.
    func note(_ start: Int64, of key: UnsafeRawBufferPointer) {
        let hash = KeyHash.hash(key)
        let line = line(hash)
        guard Self.holds(line, key, hash),
            line.load(fromByteOffset: 8, as: Int64.self) < start
        else { return }
        line.storeBytes(of: start, toByteOffset: 8, as: Int64.self)
    }

    /// Forgets everything: sessions may be back that were removed.
    func removeAll() {
        free(lines)
        lines = Self.allocate()
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
            Int(line.load(fromByteOffset: 16, as: UInt16.self)) == key.count
        else { return false }
        return memcmp(line + 18, bytes, key.count) == 0
    }

    /// Memory of zeros, of which the system gives what is touched.
    private static func allocate() -> UnsafeMutableRawPointer {
        guard let lines = calloc(lineCount, lineByteCount) else {
            preconditionFailure("no memory for \(lineCount * lineByteCount) bytes beside a store")
        }
        return lines
    }
}
