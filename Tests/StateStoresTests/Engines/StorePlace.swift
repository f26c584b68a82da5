import Foundation
import LogModel
import MillraceTestKit
import RocksStore
import StateStores
import Testing
import Threads

/// The engines that the contract is held against.
enum EngineKind: String, CaseIterable, Sendable {
    case rocksDB, simulated
}

/// The place of one store of one kind: opens it, again and again, and goes with its owner.
final class StorePlace {
    static let name = "job/store-0"

    /// The folder above the stores; none of the simulated ones lies there.
    let folder: URL
    private let factory: any StoreEngineFactory
    private let simulated: SimulatedStores?
    private let discarded = DiscardedStores()

    init(_ kind: EngineKind = .rocksDB) throws {
        folder = FileManager.default.temporaryDirectory.appending(
            path: "millrace-store-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        switch kind {
        case .rocksDB:
            simulated = nil
            let discarded = discarded
            factory = RocksStoreFactory(directory: folder.path) { discarded.add($0) }
        case .simulated:
            let stores = SimulatedStores()
            simulated = stores
            factory = stores
        }
    }

    deinit {
        do {
            try FileManager.default.removeItem(at: folder)
        } catch { Issue.record("\(folder.path) stays: \(error)") }
    }

    /// The store's own folder.
    var store: URL { folder.appending(path: Self.name) }

    /// Why stores were removed or wiped so far.
    var discards: [StoreError] { discarded.errors }

    func open() throws -> any StoreEngine { try factory.open(path: Self.name) }

    /// Runs `body` while no checkpoint can succeed.
    func failingCheckpoints(_ body: () throws -> Void) throws {
        if let simulated {
            simulated.failCheckpoints(1)
            return try body()
        }
        // Folders where the checkpoint's file would be.
        let blocks = (1...100).map {
            store.appending(path: "checkpoint-\($0).sst.unfinished")
        }
        for block in blocks {
            try FileManager.default.createDirectory(at: block, withIntermediateDirectories: false)
        }
        defer { for block in blocks { rmdir(block.path) } }
        try body()
    }

    /// The names of the files in the store's folder.
    func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: store.path).sorted()
    }

    /// The largest of RocksDB's files of sorted entries.
    func largestTable() throws -> URL? {
        try FileManager.default.contentsOfDirectory(
            at: store,
            includingPropertiesForKeys: [.fileSizeKey]
        )
        .filter { $0.pathExtension == "sst" }
        .map { ($0, try $0.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0) }
        .max { $0.1 < $1.1 }?
        .0
    }
}

/// What a factory said about stores that it did not trust.
private final class DiscardedStores: Sendable {
    private let state = Lock<[StoreError]>([])
    var errors: [StoreError] { state.withLock { $0 } }
    func add(_ error: StoreError) { state.withLock { $0.append(error) } }
}

/// A store's key and value; nil removes the key.
struct Pair: Equatable {
    var key: [UInt8]
    var value: [UInt8]?

    init(_ key: [UInt8], _ value: [UInt8]?) {
        self.key = key
        self.value = value
    }

    init(_ key: String, _ value: String?) {
        self.init(Array(key.utf8), value.map { Array($0.utf8) })
    }
}

extension StoreEngine {
    /// Writes pairs, in any order, each key once.
    func checkpoint(_ pairs: [Pair], upTo offset: Int64) throws {
        let sorted = pairs.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        // One block for all bytes, so that pointers into it stay good during the call.
        let byteCount = sorted.reduce(1) { $0 + $1.key.count + ($1.value?.count ?? 0) }
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 8)
        defer { block.deallocate() }
        var end = 0
        func copy(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
            let part = UnsafeMutableRawBufferPointer(rebasing: block[end..<(end + bytes.count)])
            part.copyBytes(from: bytes)
            end += bytes.count
            return UnsafeRawBufferPointer(part)
        }
        let entries = sorted.map {
            SortedEntries.Entry(key: copy($0.key), value: $0.value.map(copy))
        }
        try checkpoint(
            SortedEntries(count: entries.count) { entries[$0] },
            changelogOffset: Offset(offset)
        )
    }

    func storedValue(of key: [UInt8]) throws -> [UInt8]? {
        var value: [UInt8]?
        let isThere = try key.withUnsafeBytes { try get($0) { value = Array($0) } }
        #expect(isThere == (value != nil))
        return value
    }

    /// The pairs of a scan that ends after `limit` of them.
    func pairs(
        from: [UInt8]? = nil,
        to: [UInt8]? = nil,
        isReversed: Bool = false,
        limit: Int = .max
    ) throws -> [Pair] {
        var pairs: [Pair] = []
        func run(_ from: UnsafeRawBufferPointer?, _ to: UnsafeRawBufferPointer?) throws {
            try scan(from: from, to: to, isReversed: isReversed) { key, value in
                pairs.append(Pair(Array(key), Array(value)))
                return pairs.count < limit
            }
        }
        try Self.lending(from) { from in try Self.lending(to) { to in try run(from, to) } }
        return pairs
    }

    private static func lending(
        _ bytes: [UInt8]?,
        _ body: (UnsafeRawBufferPointer?) throws -> Void
    ) throws {
        guard let bytes else { return try body(nil) }
        try bytes.withUnsafeBytes { try body($0) }
    }
}
