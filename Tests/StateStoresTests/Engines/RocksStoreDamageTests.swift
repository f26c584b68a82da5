import Bytes
import CRocksDB
import Foundation
import LogModel
import MillraceTestKit
import StateStores
import Testing

@testable import RocksStore

/// RocksDB stores whose files were changed by others: nothing wrong is served, and what cannot be
/// trusted is made anew.
@Suite("RocksDB stores with damage")
struct RocksStoreDamageTests {
    /// A store with ten checkpoints, closed.
    private func makeStore() throws -> StorePlace {
        let place = try StorePlace()
        let engine = try place.open()
        defer { engine.close() }
        for round in 1...10 { try CheckpointHistory.write(round, to: engine) }
        return place
    }

    @Test func `a flipped bit is found or harms nothing`() throws {
        let place = try makeStore()
        let images = try place.files()
            .filter { $0.hasSuffix(".sst") || $0.hasPrefix("MANIFEST") || $0 == "CURRENT" }
            .map { ($0, try Data(contentsOf: place.store.appending(path: $0))) }
        var found: [String: Int] = [:]
        var generator = SeededGenerator(seed: 20_260_105)
        for number in 0..<150 {
            let (name, image) = images[number % images.count]
            var damaged = image
            let bit = generator.below(image.count * 8)
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            try rebuild(place, images)
            try damaged.write(to: place.store.appending(path: name))
            let isFound = try isFoundOrHarmless(place, "bit \(bit) of \(name)")
            let kind = name.hasSuffix(".sst") ? "sst" : String(name.prefix { $0 != "-" })
            found[kind, default: 0] += isFound ? 1 : 0
        }
        #expect(found["sst", default: 0] > 0)
        #expect(found["MANIFEST", default: 0] > 0)
        #expect(found["CURRENT", default: 0] > 0)
    }

    @Test(arguments: ["MANIFEST", ".sst", "CURRENT"])
    func `a store with a file missing is made anew`(part: String) throws {
        let place = try makeStore()
        let name = try #require(try place.files().first { $0.contains(part) })
        try FileManager.default.removeItem(at: place.store.appending(path: name))
        let engine = try place.open()
        defer { engine.close() }
        #expect(engine.checkpointedOffset == nil)
        #expect(try engine.pairs() == [])
        #expect(place.discards.count == 1)
    }

    @Test
    func `damage met while files are merged fails a checkpoint, and the next opening begins anew`()
        throws
    {
        let place = try makeStore()
        var engine = try place.open()
        let many = (0..<20_000).map { Pair("key \($0)", "\($0 &* 0x9e37_79b9)") }
        try engine.checkpoint(many, upTo: 11)
        engine.close()
        let file = try #require(try place.largestTable())
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: file)
        // An opening reads the first values only, and finds nothing.
        engine = try place.open()
        #expect(engine.checkpointedOffset == Offset(11))
        var failure: StoreError?
        for round in 12..<200 where failure == nil {
            do {
                try engine.checkpoint([Pair("key 1", "\(round)")], upTo: Int64(round))
            } catch { failure = error as? StoreError }
        }
        #expect(failure?.code == .corrupt)
        engine.close()
        #expect(place.discards.isEmpty)
        engine = try place.open()
        defer { engine.close() }
        #expect(place.discards.map(\.code) == [.corrupt])
        #expect(engine.checkpointedOffset == nil)
        #expect(try engine.pairs() == [])
        try engine.checkpoint(many, upTo: 1)
        #expect(try engine.pairs().count == many.count)
    }

    @Test(arguments: StrangeMark.untrusted)
    func `a store with a mark that cannot be trusted is made anew`(mark: StrangeMark) throws {
        let place = try makeStore()
        try mark.write(to: place.store.path)
        #expect {
            try RocksStore(path: place.store.path, options: RocksOptions())
        } throws: { error in
            (error as? StoreError)?.code == mark.code
        }
        let engine = try place.open()
        #expect(place.discards.map(\.code) == [mark.code])
        #expect(place.discards.first?.path == place.store.path)
        #expect(engine.checkpointedOffset == nil)
        #expect(try engine.pairs() == [])
        try CheckpointHistory.write(1, to: engine)
        engine.close()
        let again = try place.open()
        defer { again.close() }
        #expect(place.discards.count == 1)
        #expect(try CheckpointHistory.finding(in: again) == nil)
    }

    @Test func `a mark of the format without an id is read`() throws {
        let place = try makeStore()
        try StrangeMark.formerFormat.write(to: place.store.path)
        let engine = try place.open()
        #expect(place.discards.isEmpty)
        #expect(engine.checkpointedOffset == Offset(9))
        #expect(engine.changelog == nil)
        let followed = FollowedChangelog(id: UniqueID(high: 1, low: 2), since: Timestamp(3))
        engine.changelog = followed
        try CheckpointHistory.write(11, to: engine)
        engine.close()
        let again = try place.open()
        defer { again.close() }
        #expect(again.changelog == followed)
    }

    @Test func `a removal that was stopped half-way is done again`() throws {
        let place = try makeStore()
        let note = place.folder.appending(path: StorePlace.name + ".damaged")
        try Data().write(to: note)
        for name in try place.files() where name.hasSuffix(".sst") || name == "CURRENT" {
            try FileManager.default.removeItem(at: place.store.appending(path: name))
        }
        let engine = try place.open()
        #expect(place.discards.map(\.code) == [.corrupt])
        #expect(!FileManager.default.fileExists(atPath: note.path))
        #expect(engine.checkpointedOffset == nil)
        try CheckpointHistory.write(1, to: engine)
        engine.close()
        let again = try place.open()
        defer { again.close() }
        #expect(place.discards.count == 1)
        #expect(again.checkpointedOffset == Offset(1))
    }

    @Test func `a note of damage does not remove a store that is open`() throws {
        let place = try makeStore()
        let engine = try place.open()
        defer { engine.close() }
        try Data().write(to: place.folder.appending(path: StorePlace.name + ".damaged"))
        #expect {
            try place.open()
        } throws: { error in
            (error as? StoreError)?.code == .inUse
        }
        #expect(try CheckpointHistory.finding(in: engine) == nil)
        #expect(place.discards.isEmpty)
    }

    @Test func `a wipe says why`() throws {
        let place = try makeStore()
        let engine = try place.open()
        defer { engine.close() }
        try engine.wipe(because: "the changelog is another one")
        #expect(place.discards.map(\.message) == ["the changelog is another one"])
    }

    /// Puts the store's folder back as it was.
    private func rebuild(_ place: StorePlace, _ images: [(String, Data)]) throws {
        try FileManager.default.removeItem(at: place.store)
        try FileManager.default.createDirectory(at: place.store, withIntermediateDirectories: true)
        for (name, image) in images {
            try image.write(to: place.store.appending(path: name))
        }
    }

    /// Opens and reads a store: true if damage was found and the store is new, false if what it
    /// holds is one whole checkpoint. Anything else is an issue.
    private func isFoundOrHarmless(_ place: StorePlace, _ what: String) throws -> Bool {
        let before = place.discards.count
        for _ in 0..<2 {
            let engine = try place.open()
            defer { engine.close() }
            if place.discards.count > before {
                #expect(engine.checkpointedOffset == nil, "\(what)")
                #expect(try engine.pairs() == [], "\(what)")
                return true
            }
            do {
                let finding = try CheckpointHistory.finding(in: engine)
                #expect(finding == nil, "\(what)")
                return false
            } catch let error as StoreError {
                #expect(error.code == .corrupt, "\(what): \(error)")
            }
        }
        Issue.record("\(what): refused, but opened again")
        return true
    }
}

/// Marks that no store of this program has.
enum StrangeMark: String, CaseIterable, Sendable {
    case newerFormat, badChecksum, badChecksumWithID, cut, none
    /// A good one, of the format without an id.
    case formerFormat

    static let untrusted = allCases.filter { $0 != .formerFormat }

    var code: StoreError.Code { self == .newerFormat ? .newerFormat : .corrupt }

    /// Puts the mark into a closed store.
    func write(to path: String) throws {
        let options = RocksOptions()
        let database = try RocksCall.run(path) { rocksdb_open(options.database, path, $0) }
        defer { rocksdb_close(database) }
        let key: [CChar] = [0]
        let value: [UInt8]
        switch self {
        case .newerFormat: value = [0, 0, 0, 3, 1, 2, 3]
        case .badChecksum: value = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4]
        case .badChecksumWithID: value = [0, 0, 0, 2] + [UInt8](repeating: 7, count: 36)
        case .formerFormat:
            let checked: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9]
            let checksum = checked.withUnsafeBytes { crc32c($0) }
            value = checked + withUnsafeBytes(of: checksum.bigEndian) { Array($0) }
        case .cut: value = [0, 0]
        case .none: value = []
        }
        try RocksCall.runVoid(path) { error in
            if self == .none {
                return rocksdb_delete(database, options.write, key, 1, error)
            }
            value.withUnsafeBytes { bytes in
                rocksdb_put(
                    database,
                    options.write,
                    key,
                    1,
                    bytes.assumingMemoryBound(to: CChar.self).baseAddress,
                    bytes.count,
                    error
                )
            }
        }
        try RocksCall.runVoid(path) { rocksdb_flush(database, options.flush, $0) }
    }
}
