import Bytes

/// One header of a record.
public struct RecordHeaderView {
    /// The key's UTF-8 bytes.
    public var key: UnsafeRawBufferPointer
    public var value: UnsafeRawBufferPointer?
}

/// Walks the header block of a record.
public struct RecordHeaderIterator {
    private var position: UnsafeRawPointer?
    private let end: UnsafeRawPointer?
    private var left: Int32?

    /// `headers` as a `RecordView` has it.
    public init(_ headers: UnsafeRawBufferPointer) {
        position = headers.baseAddress
        end = position.map { $0 + headers.count }
    }

    var isAtEnd: Bool { position == end }

    /// The next header of a block that a `RecordIterator` has already walked.
    public mutating func next() -> RecordHeaderView? {
        do { return try nextChecked() } catch { return nil }
    }

    mutating func nextChecked() throws(VarintError) -> RecordHeaderView? {
        guard var p = position, let end else { return nil }
        defer { position = p }
        if left == nil {
            let count = try Varint.read32(&p, end: end)
            // A header takes two bytes at least.
            guard count >= 0, count <= (end - p) / 2 else { throw .truncated }
            left = count
        }
        guard let rest = left, rest > 0 else { return nil }
        left = rest - 1
        guard let key = try RecordIterator.readBytes(&p, end: end) else { throw .truncated }
        return RecordHeaderView(key: key, value: try RecordIterator.readBytes(&p, end: end))
    }
}
