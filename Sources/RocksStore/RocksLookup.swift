import CRocksDB
import StateStores

/// Looks many keys up in one call of RocksDB, which then asks each file and each block once for
/// all of them; the memory for it is used again and again. For one thread.
final class RocksLookup {
    private var arena: UnsafeMutableRawPointer
    private var capacity = 4 << 10
    private var keys: [UnsafePointer<CChar>?] = []
    private var sizes: [Int] = []
    private var values: [OpaquePointer?] = []
    private var failures: [UnsafeMutablePointer<CChar>?] = []

    init() { arena = .allocate(byteCount: capacity, alignment: 8) }

    deinit { arena.deallocate() }

    /// Lends `body` the place and the value of each key that has one, the keys standing behind a
    /// prefix in the database.
    func run(
        _ wanted: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        prefix: UInt8,
        in database: RocksDatabase,
        _ options: RocksOptions,
        path: String,
        _ body: (_ place: Int, _ value: UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        copy(wanted, prefix)
        values.removeAll(keepingCapacity: true)
        values.append(contentsOf: repeatElement(nil, count: wanted.count))
        failures.removeAll(keepingCapacity: true)
        failures.append(contentsOf: repeatElement(nil, count: wanted.count))
        rocksdb_batched_multi_get_cf(
            database.handle,
            options.read,
            database.family,
            wanted.count,
            keys,
            sizes,
            &values,
            &failures,
            false
        )
        var failure: StoreError?
        for place in 0..<wanted.count {
            if let text = failures[place] { failure = RocksCall.error(text, path) }
            guard let slice = values[place] else { continue }
            var count = 0
            let value = rocksdb_pinnableslice_value(slice, &count)
            body(place, UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : count))
            rocksdb_pinnableslice_destroy(slice)
        }
        if let failure { throw failure }
    }

    /// Lays the keys out behind the prefix.
    private func copy(_ wanted: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ prefix: UInt8) {
        let needed = wanted.reduce(0) { $0 + $1.count + 1 }
        if needed > capacity {
            arena.deallocate()
            capacity = needed * 2
            arena = .allocate(byteCount: capacity, alignment: 8)
        }
        keys.removeAll(keepingCapacity: true)
        sizes.removeAll(keepingCapacity: true)
        var p = arena
        for key in wanted {
            p.storeBytes(of: prefix, as: UInt8.self)
            if let base = key.baseAddress {
                (p + 1).copyMemory(from: base, byteCount: key.count)
            }
            keys.append(UnsafePointer(p.assumingMemoryBound(to: CChar.self)))
            sizes.append(key.count + 1)
            p += key.count + 1
        }
    }
}
