import Bytes
import Foundation
import Glibc
import LogModel
import MillraceTestKit
import RocksStore
import StateStores
import Testing

/// What every engine promises, held by RocksDB and by the simulated stores.
@Suite struct StoreEngineTests {
    enum Kind: String, CaseIterable { case rocksDB, simulated }

    @Test(arguments: Kind.allCases)
    func `a checkpoint is whole, ordered, and there after a reopening`(kind: Kind) throws {
        let folder = try StoreFolder(kind)
        defer { withExtendedLifetime(folder) {} }
        let engine = try folder.open()
        #expect(engine.checkpointedOffset == nil && engine.isEmpty)
        let keys: [[UInt8]] = [[], [0], [0, 0], [1], [1, 0, 255], [255], [255, 255]]
        try engine.write(keys.pairs(value: 1), upTo: 10)
        try engine.write([([1], nil), ([7], [])], upTo: 12)
        let kept = keys.filter { $0 != [1] } + [[7]]
        try engine.expect(kept.sorted { $0.lexicographicallyPrecedes($1) }, offset: 12)
        #expect(try engine.value([1]) == nil)
        #expect(try engine.value([7]) == [])
        #expect(try engine.value([0, 0]) == [1])
        engine.close()
        let again = try folder.open()
        try again.expect(kept.sorted { $0.lexicographicallyPrecedes($1) }, offset: 12)
        #expect(!again.isEmpty)
        try again.wipe(because: "a test")
        try again.expect([], offset: nil)
        again.close()
        try folder.open().expect([], offset: nil)
    }

    /// Root looks after the job of another user.
    @Test(.enabled(if: geteuid() == 0, "only root makes files for others"))
    func `what root's store writes in another's folder is the folder's owner's`() throws {
        let folder = try StoreFolder(.rocksDB)
        defer { withExtendedLifetime(folder) {} }
        try FileManager.default.createDirectory(
            atPath: folder.path,
            withIntermediateDirectories: true
        )
        #expect(chown(folder.path, 65_534, 65_534) == 0)
        func expectTheirs(_ place: Comment) throws {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                var status = stat()
                #expect(lstat("\(folder.path)/\(name)", &status) == 0)
                #expect(status.st_uid == 65_534, "\(name), \(place)")
            }
        }
        let engine = try folder.open()
        try expectTheirs("opened")
        try engine.write([([1], [1])], upTo: 1)
        try expectTheirs("written to")
        engine.close()
        try expectTheirs("closed")
    }

    @Test(arguments: Kind.allCases)
    func `a scan keeps to its bounds and ends when told to`(kind: Kind) throws {
        let folder = try StoreFolder(kind)
        defer { withExtendedLifetime(folder) {} }
        let engine = try folder.open()
        defer { engine.close() }
        try engine.write((0..<100).map { ([UInt8($0)], [UInt8($0)]) }, upTo: 1)
        #expect(try engine.keys(from: [10], to: [13]) == [[10], [11], [12]])
        #expect(try engine.keys(from: nil, to: [2]) == [[0], [1]])
        #expect(try engine.keys(from: [98], to: nil) == [[98], [99]])
        #expect(try engine.keys(from: [13], to: [10]) == [])
        #expect(try engine.keys(from: nil, to: nil, limit: 3).count == 3)
    }

    @Test(arguments: Kind.allCases)
    func `a checkpoint has the topic of its changelog, which a wipe takes away`(kind: Kind) throws {
        let folder = try StoreFolder(kind)
        defer { withExtendedLifetime(folder) {} }
        let engine = try folder.open()
        #expect(engine.changelog == nil)
        try engine.write([([1], [1])], upTo: 1)
        engine.close()
        let untold = try folder.open()
        #expect(untold.changelog == nil)
        let followed = FollowedChangelog(
            id: UniqueID(high: 7, low: .max),
            since: Timestamp(1_700_000_000_000)
        )
        untold.changelog = followed
        try untold.write([([2], [2])], upTo: 2)
        untold.close()
        let told = try folder.open()
        try told.expect([[1], [2]], offset: 2)
        #expect(told.changelog == followed)
        try told.wipe(because: "a test")
        #expect(told.changelog == nil)
        told.close()
        #expect(try folder.open().changelog == nil)
    }

    @Test func `a large checkpoint of RocksDB comes back`() throws {
        let folder = try StoreFolder(.rocksDB)
        defer { withExtendedLifetime(folder) {} }
        let engine = try folder.open()
        let entries = (0..<100_000).map { number in
            (Array(String(format: "key %08d", number).utf8), Array("value \(number)".utf8))
        }
        try engine.write(entries.map { ($0.0, .some($0.1)) }, upTo: 100_000)
        engine.close()
        let again = try folder.open()
        defer { again.close() }
        #expect(try again.keys(from: nil, to: nil) == entries.map(\.0))
        #expect(try again.value(entries[77_777].0) == entries[77_777].1)
    }
}

/// RocksDB after kills, damage and other owners.
@Suite struct RocksStoreTests {
    @Test func `a copy taken at any moment of checkpoints opens with one of them, whole`() throws {
        let folder = try StoreFolder(.rocksDB)
        defer { withExtendedLifetime(folder) {} }
        let engine = try folder.open()
        defer { engine.close() }
        let path = folder.path
        let copies = try StoreFolder(.rocksDB)
        defer { withExtendedLifetime(copies) {} }
        let finished = DispatchSemaphore(value: 0)
        let worker = CheckpointThread(engine: engine, rounds: 60, finished: finished)
        Thread.detachNewThread { worker.run() }
        var count = 0
        var isFinished = false
        while !isFinished, count < 40 {
            isFinished = finished.wait(timeout: .now()) == .success
            let copy = "\(copies.path)-\(count)"
            // What a kill leaves is what the files hold between two system calls; a copy of a
            // moving folder is taken again until nothing moved meanwhile.
            guard StoreFolder.copyUnmoved(path, to: copy) else { continue }
            count += 1
            let opened = try RocksStoreFactory(directory: "/").open(path: copy)
            let offset = opened.checkpointedOffset?.rawValue
            let keys = try opened.keys(from: nil, to: nil)
            #expect(keys.count == (offset == nil ? 0 : 200))
            for key in keys.prefix(5) {
                #expect(try opened.value(key) == [UInt8(truncatingIfNeeded: offset ?? 0)])
            }
            opened.close()
        }
        if !isFinished { finished.wait() }
        #expect(count > 0)
    }

    @Test func `a store that is open elsewhere is in use`() throws {
        let folder = try StoreFolder(.rocksDB)
        defer { withExtendedLifetime(folder) {} }
        let engine = try folder.open()
        defer { engine.close() }
        #expect { _ = try folder.open() } throws: { ($0 as? StoreError)?.code == .inUse }
    }

    @Test func `a damaged store is found and made anew, and its owner is told`() throws {
        let folder = try StoreFolder(.rocksDB)
        defer { withExtendedLifetime(folder) {} }
        let engine = try folder.open()
        try engine.write((0..<1000).map { (Array("key \($0)".utf8), [1]) }, upTo: 5)
        engine.close()
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let table = try #require(names.first { $0.hasSuffix(".sst") })
        var bytes = try Data(contentsOf: URL(filePath: "\(folder.path)/\(table)"))
        for index in stride(from: 10, to: bytes.count, by: 50) { bytes[index] ^= 0x40 }
        try bytes.write(to: URL(filePath: "\(folder.path)/\(table)"))
        let told = Box()
        let factory = RocksStoreFactory(directory: "/") { told.add($0) }
        var opened = try factory.open(path: folder.path)
        if told.errors.isEmpty {
            // Met by the first read instead: refused, noted, and discarded by the next opening.
            #expect(throws: StoreError.self) { try opened.keys(from: nil, to: nil) }
            opened.close()
            opened = try factory.open(path: folder.path)
        }
        #expect(told.errors.map(\.code) == [.corrupt])
        try opened.expect([], offset: nil)
        opened.close()
    }
}

private final class Box: @unchecked Sendable {
    // SAFETY: used by one thread.
    private(set) var errors: [StoreError] = []
    func add(_ error: StoreError) { errors.append(error) }
}

/// Writes checkpoint after checkpoint: 200 keys, each with the checkpoint's number.
private final class CheckpointThread: @unchecked Sendable {
    // SAFETY: handed to one thread, and not used elsewhere after.
    private let engine: any StoreEngine
    private let rounds: Int
    private let finished: DispatchSemaphore

    init(engine: any StoreEngine, rounds: Int, finished: DispatchSemaphore) {
        self.engine = engine
        self.rounds = rounds
        self.finished = finished
    }

    func run() {
        defer { finished.signal() }
        for round in 1...rounds {
            let entries = (0..<200).map { (Array("key \($0)".utf8), [UInt8(round)] as [UInt8]?) }
            do { try engine.write(entries, upTo: Int64(round)) } catch {
                Issue.record("round \(round): \(error)")
                return
            }
        }
    }
}

/// The place of one store, gone with its owner.
private final class StoreFolder {
    let path: String
    private let factory: any StoreEngineFactory

    init(_ kind: StoreEngineTests.Kind) throws {
        path = FileManager.default.temporaryDirectory.path + "/millrace-store-\(UUID().uuidString)"
        switch kind {
        case .rocksDB: factory = RocksStoreFactory(directory: "/")
        case .simulated: factory = SimulatedStores()
        }
    }

    deinit {
        let parent = (path as NSString).deletingLastPathComponent
        let name = (path as NSString).lastPathComponent
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        for other in names where other.hasPrefix(name) {
            try? FileManager.default.removeItem(atPath: "\(parent)/\(other)")
        }
    }

    func open() throws -> any StoreEngine { try factory.open(path: path) }

    /// Copies a folder; false if its files moved meanwhile.
    static func copyUnmoved(_ path: String, to copy: String) -> Bool {
        let manager = FileManager.default
        try? manager.removeItem(atPath: copy)
        let before = state(of: path)
        do { try manager.copyItem(atPath: path, toPath: copy) } catch { return false }
        return before == state(of: path)
    }

    private static func state(of path: String) -> [String: String] {
        let manager = FileManager.default
        var state: [String: String] = [:]
        for name in (try? manager.contentsOfDirectory(atPath: path)) ?? [] {
            let attributes = try? manager.attributesOfItem(atPath: "\(path)/\(name)")
            state[name] =
                "\(attributes?[.size] ?? "") \(attributes?[.modificationDate] ?? "")"
        }
        return state
    }
}

extension [[UInt8]] {
    /// The keys in ascending order with one value.
    fileprivate func pairs(value: UInt8) -> [([UInt8], [UInt8]?)] {
        map { ($0, [value]) }
    }
}

extension StoreEngine {
    /// A checkpoint of pairs, ascending by key; nil removes.
    fileprivate func write(_ pairs: [([UInt8], [UInt8]?)], upTo offset: Int64) throws {
        let sorted = pairs.sorted { $0.0.lexicographicallyPrecedes($1.0) }
        let keys = sorted.map { UnsafeMutableRawBufferPointer.copying($0.0) }
        let values = sorted.map { $0.1.map { UnsafeMutableRawBufferPointer.copying($0) } }
        defer {
            for memory in keys { memory.deallocate() }
            for memory in values { memory?.deallocate() }
        }
        let entries = SortedEntries(count: sorted.count) { index in
            SortedEntries.Entry(
                key: UnsafeRawBufferPointer(keys[index]),
                value: values[index].map { UnsafeRawBufferPointer($0) }
            )
        }
        try checkpoint(entries, changelogOffset: Offset(offset))
    }

    fileprivate func value(_ key: [UInt8]) throws -> [UInt8]? {
        var value: [UInt8]?
        let isThere = try key.withUnsafeBytes { try get($0) { value = Array($0) } }
        return isThere ? value : nil
    }

    fileprivate func keys(
        from: [UInt8]?,
        to: [UInt8]?,
        limit: Int = .max
    ) throws -> [[UInt8]] {
        let start = from.map { UnsafeMutableRawBufferPointer.copying($0) }
        let end = to.map { UnsafeMutableRawBufferPointer.copying($0) }
        defer {
            start?.deallocate()
            end?.deallocate()
        }
        var keys: [[UInt8]] = []
        try scan(
            from: start.map { UnsafeRawBufferPointer($0) },
            to: end.map { UnsafeRawBufferPointer($0) }
        ) { key, _ in
            keys.append(Array(key))
            return keys.count < limit
        }
        return keys
    }

    fileprivate func expect(_ keys: [[UInt8]], offset: Int64?) throws {
        #expect(checkpointedOffset?.rawValue == offset)
        #expect(try self.keys(from: nil, to: nil) == keys)
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate static func copying(_ bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        memory.copyBytes(from: bytes)
        return memory
    }
}
