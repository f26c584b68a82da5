import LogModel
import StateStores

/// Checkpoints numbered from 1, whose entries and whose sum are known from the number alone: what
/// a store holds is one of the sums, or a checkpoint was torn.
enum CheckpointHistory {
    private static let keyCount = 120

    /// What checkpoint `round` writes: some keys new, some changed, some removed.
    static func entries(of round: Int) -> [Pair] {
        (0..<keyCount).compactMap { number in
            let phase = (number + round) % 5
            if phase == 4 { return nil }
            return Pair(key(number), phase == 0 ? nil : value(number, round))
        }
    }

    /// What the store holds after checkpoint `round`.
    static func sum(upTo round: Int) -> [Pair] {
        let pairs = (0..<keyCount).compactMap { number -> Pair? in
            // A key is written in every round but each fifth, so the last two say it all.
            for last in stride(from: round, to: max(0, round - 2), by: -1) {
                let phase = (number + last) % 5
                if phase == 0 { return nil }
                if phase != 4 { return Pair(key(number), value(number, last)) }
            }
            return nil
        }
        return pairs.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    /// Whether the engine holds one whole checkpoint with its own offset; a text where it does not.
    static func finding(in engine: any StoreEngine) throws -> String? {
        let round = Int(engine.checkpointedOffset?.rawValue ?? 0)
        let pairs = try engine.pairs()
        guard pairs == sum(upTo: round) else {
            return "offset \(round) with \(pairs.count) entries that are not its own"
        }
        for pair in pairs {
            guard try engine.storedValue(of: pair.key) == pair.value else {
                return "offset \(round): a value read alone differs from the scan's"
            }
        }
        return nil
    }

    static func write(_ round: Int, to engine: any StoreEngine) throws {
        try engine.checkpoint(entries(of: round), upTo: Int64(round))
    }

    private static func key(_ number: Int) -> [UInt8] { Array("key \(number)".utf8) }

    private static func value(_ number: Int, _ round: Int) -> [UInt8] {
        Array(repeatElement("\(number) of \(round) ", count: 1 + number % 7).joined().utf8)
    }
}
