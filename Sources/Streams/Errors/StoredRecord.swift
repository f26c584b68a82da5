public import LogModel

/// A record that an operator kept in its store and lets go while another one is at hand: what a
/// dead letter of it has. The store holds what the operator's serdes wrote, not the record as its
/// topic has it, so nothing tells where it was read.
@usableFromInline
struct StoredRecord {
    /// Tells it apart from the others in the store.
    @usableFromInline let number: Int64
    @usableFromInline let key: UnsafeRawBufferPointer
    @usableFromInline let value: UnsafeRawBufferPointer
    /// Nil for none, and where the store has none.
    @usableFromInline let headers: UnsafeRawBufferPointer?
    @usableFromInline let timestamp: Timestamp

    @inlinable
    init(
        number: Int64,
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer,
        headers: UnsafeRawBufferPointer?,
        timestamp: Timestamp
    ) {
        self.number = number
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = timestamp
    }
}

extension ErrorSite {
    /// Calls `body` with a record at hand that the operator took out of its store, and applies the
    /// operator's policy to an error of it.
    @inlinable
    func letGo(_ stored: StoredRecord, _ body: () throws -> Void) throws {
        try errors.letGo(stored, at: node, body)
    }
}
