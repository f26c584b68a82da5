import LogModel
import StateStores
import Threads

/// One open store of `SimulatedStores`.
final class SimulatedStoreEngine: StoreEngine {
    private typealias Entry = (key: [UInt8], value: [UInt8])

    private let stores: SimulatedStores
    private let path: String
    /// As the image has it, or as it was said since.
    var changelog: FollowedChangelog?

    init(stores: SimulatedStores, path: String) {
        self.stores = stores
        self.path = path
        changelog = image.changelog
    }

    private var image: SimulatedStores.Image {
        stores.state.withLock { [path] in $0.stores[path]?.durable ?? SimulatedStores.Image() }
    }

    var checkpointedOffset: Offset? { image.changelogOffset }

    var isEmpty: Bool { image.entries.isEmpty }

    func get(
        _ key: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) -> Bool {
        let entries = image.entries
        let index = Self.lowerBound(of: key, in: entries)
        guard index < entries.count, entries[index].key.elementsEqual(key) else { return false }
        entries[index].value.withUnsafeBytes(body)
        return true
    }

    func checkpoint(_ entries: SortedEntries, changelogOffset: Offset) throws(StoreError) {
        stores.observe(path)
        let fails = stores.state.withLock { state in
            defer { state.failingCheckpoints = max(0, state.failingCheckpoints - 1) }
            return state.failingCheckpoints > 0
        }
        guard !fails else {
            throw StoreError(code: .io, path: path, message: "the checkpoint was planned to fail")
        }
        var next = SimulatedStores.Image(changelogOffset: changelogOffset, changelog: changelog)
        next.entries = Self.merge(image.entries, with: entries)
        stores.state.withLock { [path, next] in $0.stores[path]?.pending = next }
        stores.observe(path)
        stores.state.withLock { [path, next] in
            $0.stores[path] = SimulatedStores.Store(durable: next)
        }
    }

    func scan(
        from: UnsafeRawBufferPointer?,
        to: UnsafeRawBufferPointer?,
        isReversed: Bool,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {
        let entries = image.entries
        let first = from.map { Self.lowerBound(of: $0, in: entries) } ?? 0
        let end = max(first, to.map { Self.lowerBound(of: $0, in: entries) } ?? entries.count)
        for step in 0..<(end - first) {
            let index = isReversed ? end - 1 - step : first + step
            let goesOn = entries[index].key.withUnsafeBytes { key in
                entries[index].value.withUnsafeBytes { body(key, $0) }
            }
            guard goesOn else { return }
        }
    }

    func wipe(because reason: String) throws(StoreError) {
        stores.observe(path)
        stores.state.withLock { [path] state in
            state.stores[path] = SimulatedStores.Store()
            state.wipes += 1
        }
        changelog = nil
    }

    func close() {
        stores.state.withLock { [path] in _ = $0.open.remove(path) }
    }

    /// The first entry whose key is not below `key`.
    private static func lowerBound(of key: UnsafeRawBufferPointer, in entries: [Entry]) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key.lexicographicallyPrecedes(key) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// Both in order; of two entries of a key, the new one; removals gone.
    private static func merge(_ old: [Entry], with new: SortedEntries) -> [Entry] {
        var merged: [Entry] = []
        merged.reserveCapacity(old.count + new.count)
        var next = 0
        for index in 0..<new.count {
            let entry = new.entry(index)
            while next < old.count, old[next].key.lexicographicallyPrecedes(entry.key) {
                merged.append(old[next])
                next += 1
            }
            if next < old.count, old[next].key.elementsEqual(entry.key) { next += 1 }
            if let value = entry.value { merged.append((Array(entry.key), Array(value))) }
        }
        merged.append(contentsOf: old[next...])
        return merged
    }
}
