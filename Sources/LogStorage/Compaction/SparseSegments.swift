import LogModel

/// Placeholder until compaction is merged.
struct SparseSegments: Equatable, Sendable {
    static let fileName = "compacted-segments"
    var bases: Set<Offset> = []
    init() {}
    init?(_ bytes: [UInt8]) { return nil }
    mutating func note(_ base: Offset) { bases.insert(base) }
    func contains(_ base: Offset) -> Bool { bases.contains(base) }
}
