import LogModel
import StateStores

/// The keys of a source whose later records follow a dead letter, in a store with a changelog.
///
/// A value is the dead letter's offset in 8 bytes, then the name of the topic that it went to.
final class HeldKeys {
    /// The dead letter by which a key is held.
    struct Letter {
        let offset: Offset
        let topic: String
    }

    private let handle: StoreHandle
    private var count = 0

    init(_ handle: StoreHandle) {
        self.handle = handle
        handle.task.hooks.onRewind { [unowned self] in count = try handle.store.contents().count }
    }

    var isEmpty: Bool { count == 0 }

    /// The key, where it can be held: there is one, and it is no longer than a store takes.
    private static func holdable(_ key: UnsafeRawBufferPointer?) -> UnsafeRawBufferPointer? {
        key.flatMap { $0.count <= KeyValueTable.keyByteLimit ? $0 : nil }
    }

    /// Holds a key; a record without a key, or with one that no store takes, has no followers.
    func hold(
        _ key: UnsafeRawBufferPointer?,
        behind letter: Letter,
        at time: Timestamp
    ) throws {
        guard let key = Self.holdable(key) else { return }
        let slot = try handle.slot(key)
        guard handle.bytes(slot) == nil else { return }
        var value = ByteSink(capacity: 64)
        value.append(bigEndian: letter.offset.rawValue)
        value.append(utf8: letter.topic)
        try handle.put(slot, key: key, value: value.bytes, timestamp: time)
        count += 1
    }

    /// The dead letter that a record has to follow; nil for a record that may pass.
    func letter(
        before key: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer?
    ) throws -> Letter? {
        guard let key = Self.holdable(key) else { return nil }
        let slot = try handle.slot(key)
        guard let bytes = handle.bytes(slot), bytes.count >= 8 else { return nil }
        let passage = headers.flatMap(Self.passage)
        if passage == .release {
            try handle.put(slot, key: key, value: nil, timestamp: handle.timestamp(slot))
            count -= 1
        }
        guard passage == nil else { return nil }
        let offset = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        let topic = String(decoding: bytes.from(8), as: UTF8.self)
        return Letter(offset: Offset(offset), topic: topic)
    }

    private enum Passage: String {
        case pass
        case release
    }

    private static func passage(_ headers: UnsafeRawBufferPointer) -> Passage? {
        var iterator = RecordHeaderIterator(headers)
        while let header = iterator.next() {
            guard header.key.elementsEqual(DeadLetterHeader.hold.utf8), let value = header.value
            else { continue }
            return Passage(rawValue: String(decoding: value, as: UTF8.self))
        }
        return nil
    }
}
