import MillraceTestKit
import StateStores
import Testing

@Suite("The index of an ordered store")
struct OrderedIndexTests {
    @Test(arguments: IndexHistory.Keys.allCases, 0..<4)
    func `an index and a sorted array agree through any history`(
        keys: IndexHistory.Keys,
        seed: Int
    ) {
        var history = IndexHistory(seed: UInt64(seed), keys: keys)
        history.run(steps: 3_000)
    }

    @Test(arguments: [false, true])
    func `keys that come and go in order leave neither nodes nor memory`(isReversed: Bool) {
        let index = IndexUnderTest()
        func key(_ number: Int) -> [UInt8] {
            let ordered = UInt64(isReversed ? 1_000_000 - number : number)
            return withUnsafeBytes(of: ordered.bigEndian) { Array("window ".utf8) + Array($0) }
        }
        for number in 0..<2_000 { #expect(index.insert(key(number))) }
        var byteCount = 0
        for number in 2_000..<20_000 {
            #expect(index.remove(key(number - 2_000)))
            #expect(index.insert(key(number)))
            if number == 4_000 { byteCount = index.index.pointee.byteCount }
        }
        #expect(index.index.pointee.byteCount == byteCount)
        #expect(index.index.pointee.count == 2_000)
        // A record of 27 bytes takes 32, and 16 for its place in a leaf.
        #expect(byteCount < 2_000 * 48 * 3)
        for number in 18_000..<20_000 { #expect(index.remove(key(number))) }
        #expect(index.keys() == [])
    }

    @Test func `keys of all lengths are kept, whatever they begin with`() {
        let index = IndexUnderTest()
        var keys: [[UInt8]] = []
        for length in [0, 1, 7, 8, 9, 100, 1_000, 2_000, 5_000, KeyValueTable.keyByteLimit] {
            keys.append([UInt8](repeating: 0, count: length))
            if length > 0 {
                keys.append([UInt8](repeating: 255, count: length))
                keys.append([UInt8](repeating: 0, count: length - 1) + [1])
            }
        }
        for key in keys { #expect(index.insert(key)) }
        for key in keys { #expect(!index.insert(key)) }
        #expect(index.keys() == keys.sorted { $0.lexicographicallyPrecedes($1) })
        let byteCount = index.index.pointee.byteCount
        for key in keys.reversed() { #expect(index.remove(key)) }
        for key in keys { #expect(!index.remove(key)) }
        for key in keys { #expect(index.insert(key)) }
        #expect(index.index.pointee.byteCount == byteCount)
        index.index.pointee.removeAll()
        #expect(index.index.pointee.byteCount < 16 << 10)
        #expect(index.keys() == [])
    }

    @Test func `an emptied index takes keys as a new one does`() {
        let index = IndexUnderTest()
        for round in 0..<3 {
            for number in 0..<5_000 {
                #expect(index.insert(Array("\(number * 7_919 % 5_000)".utf8)))
            }
            #expect(index.index.pointee.count == 5_000)
            #expect(index.keys().count == 5_000)
            if round == 1 { for key in index.keys() { #expect(index.remove(key)) } }
            index.index.pointee.removeAll()
        }
    }
}

/// A random history of an index beside a sorted array.
struct IndexHistory {
    /// What keys look like.
    enum Keys: CaseIterable, Sendable {
        /// Any bytes, up to 20 of them.
        case any
        /// The same 30 bytes, then few different ones.
        case alike
        /// A name and a window's start, as windowed stores have them.
        case windows
        /// Zeros and ones, so that most keys begin others.
        case nested
        /// Spans of time, then names and times, as joins have them, and a few of one byte.
        case spans
        /// The same 100 bytes or a part of them, then few different ones.
        case long
    }

    private let index = IndexUnderTest()
    private let seed: UInt64
    private let kind: Keys
    private var generator: SeededGenerator
    private var keys: [[UInt8]] = []

    init(seed: UInt64, keys: Keys) {
        self.seed = seed
        kind = keys
        generator = SeededGenerator(seed: seed)
    }

    /// Phases that grow the set and shrink it, so that nodes are split and merged.
    mutating func run(steps: Int) {
        for step in 0..<steps {
            let grows = step / 700 % 2 == 0
            if keys.isEmpty || generator.below(10) < (grows ? 8 : 2) {
                insert()
            } else if generator.oneIn(8) {
                if generator.oneIn(2) { removeSome() } else { removeRange() }
            } else {
                remove(at: generator.below(keys.count))
            }
            if step % 7 == 0 { look() }
            if step % 500 == 499 { #expect(index.keys() == keys, "seed \(seed)") }
        }
        #expect(index.keys() == keys, "seed \(seed)")
        #expect(index.keysBackward() == keys.reversed(), "seed \(seed)")
        #expect(index.index.pointee.count == keys.count)
    }

    private mutating func insert() {
        let key = makeKey()
        let place = lowerBound(key)
        let isNew = place == keys.count || keys[place] != key
        #expect(index.insert(key) == isNew, "seed \(seed)")
        if isNew { keys.insert(key, at: place) }
    }

    private mutating func remove(at place: Int) {
        let key = keys.remove(at: place)
        #expect(index.remove(key), "seed \(seed)")
        #expect(!index.remove(key), "seed \(seed)")
    }

    /// Neighbours, as expiry removes them.
    private mutating func removeSome() {
        let place = generator.below(keys.count)
        for _ in 0..<min(generator.below(30), keys.count - place) { remove(at: place) }
    }

    /// A range at once, of which some stay.
    private mutating func removeRange() {
        var bounds = [makeKey(), makeKey()]
        bounds.sort { $0.lexicographicallyPrecedes($1) }
        let (from, to) = (lowerBound(bounds[0]), lowerBound(bounds[1]))
        let kept = keys[from..<to].filter { _ in generator.oneIn(4) }
        var seen: [[UInt8]] = []
        index.remove(from: bounds[0], to: bounds[1]) { key in
            seen.append(key)
            return !kept.contains(key)
        }
        #expect(seen == Array(keys[from..<to]), "seed \(seed)")
        keys.replaceSubrange(from..<to, with: kept)
    }

    private mutating func look() {
        let isKnown = generator.oneIn(2) && !keys.isEmpty
        let key = isKnown ? keys[generator.below(keys.count)] : makeKey()
        let place = lowerBound(key)
        let isThere = place < keys.count && keys[place] == key
        let after = isThere ? place + 1 : place
        #expect(index.first(notBelow: key) == (place < keys.count ? keys[place] : nil))
        #expect(index.first(above: key) == (after < keys.count ? keys[after] : nil))
        #expect(index.last(below: key) == (place > 0 ? keys[place - 1] : nil), "seed \(seed)")
    }

    private func lowerBound(_ key: [UInt8]) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle].lexicographicallyPrecedes(key) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private mutating func makeKey() -> [UInt8] {
        switch kind {
        case .any:
            (0..<generator.below(21)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        case .alike:
            [UInt8](repeating: 97, count: 30) + Array("\(generator.below(5_000))".utf8)
        case .windows:
            Array("customer \(generator.below(20))".utf8)
                + withUnsafeBytes(of: UInt64(generator.below(1_000) * 60_000).bigEndian) {
                    Array($0)
                }
        case .nested:
            (0..<generator.below(40)).map { _ in generator.oneIn(12) ? 1 : 0 }
        case .spans:
            generator.oneIn(50)
                ? [UInt8(generator.below(4))]
                : [1] + Self.bytes(generator.below(4)) + Array("k1000\(generator.below(300))".utf8)
                    + [0, 0] + Self.bytes(generator.below(5)) + Self.bytes(generator.below(3))
        case .long:
            [UInt8](repeating: 120, count: generator.oneIn(9) ? generator.below(100) : 100)
                + Array("\(generator.below(3_000))".utf8)
        }
    }
}

extension IndexHistory {
    /// A number in 8 bytes.
    private static func bytes(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) }
    }
}

/// An index behind a pointer, with arrays for bytes.
final class IndexUnderTest {
    let index: UnsafeMutablePointer<OrderedIndex>

    init() {
        index = .allocate(capacity: 1)
        index.initialize(to: OrderedIndex())
    }

    deinit {
        index.deinitialize(count: 1)
        index.deallocate()
    }

    func insert(_ key: [UInt8]) -> Bool {
        key.withUnsafeBytes { index.pointee.insert($0, hash: KeyHash.hash($0)) }
    }

    func remove(_ key: [UInt8]) -> Bool {
        key.withUnsafeBytes { index.pointee.remove($0) }
    }

    func remove(from: [UInt8], to: [UInt8], _ leaves: ([UInt8]) -> Bool) {
        from.withUnsafeBytes { from in
            to.withUnsafeBytes { to in
                index.pointee.remove(from: from, to: to) { key, hash in
                    #expect(hash == KeyHash.hash(key))
                    return leaves(Array(key))
                }
            }
        }
    }

    func first(notBelow key: [UInt8]) -> [UInt8]? {
        key.withUnsafeBytes { read(index.pointee.first(notBelow: $0)) }
    }

    func first(above key: [UInt8]) -> [UInt8]? {
        key.withUnsafeBytes { read(index.pointee.first(above: $0)) }
    }

    func last(below key: [UInt8]) -> [UInt8]? {
        key.withUnsafeBytes { read(index.pointee.last(below: $0)) }
    }

    /// All keys, each with its own hash.
    func keys() -> [[UInt8]] {
        var keys: [[UInt8]] = []
        var position = index.pointee.first(notBelow: nil)
        while let place = position {
            let key = index.pointee.key(place)
            #expect(index.pointee.hash(place) == KeyHash.hash(key))
            keys.append(Array(key))
            position = index.pointee.next(place)
        }
        return keys
    }

    func keysBackward() -> [[UInt8]] {
        var keys: [[UInt8]] = []
        var position = index.pointee.last(below: nil)
        while let place = position {
            keys.append(Array(index.pointee.key(place)))
            position = index.pointee.previous(place)
        }
        return keys
    }

    private func read(_ position: OrderedIndex.Position?) -> [UInt8]? {
        position.map { Array(index.pointee.key($0)) }
    }
}
