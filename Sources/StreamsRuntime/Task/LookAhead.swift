import LogModel
import StateStores

/// Walks a batch some records ahead of the loop that processes them and asks for the cache lines
/// of their keys, so that a large table answers from the cache instead of waiting for memory.
struct LookAhead {
    private var records: RecordIterator
    private let table: UnsafeMutablePointer<KeyValueTable>

    /// How far ahead: enough to cover a memory access, few enough to stay in the first cache.
    private static let distance = 16
    /// Smaller tables lie in the processor's caches anyway.
    private static let tableByteCount = 4 << 20

    /// Nil where looking ahead would not pay.
    init?(
        _ records: RecordIterator,
        _ table: UnsafeMutablePointer<KeyValueTable>?
    ) throws(RecordBatchError) {
        guard let table, table.pointee.byteCount > Self.tableByteCount else { return nil }
        self.records = records
        self.table = table
        for _ in 0..<Self.distance { try step() }
    }

    /// Asks for the line of the next record's key.
    @inline(__always)
    mutating func step() throws(RecordBatchError) {
        guard let key = try records.next()?.key else { return }
        table.pointee.prefetch(hash: KeyHash.hash(key))
    }
}
