import Bytes

/// Builds the header block of a record: what `RecordBatchBuilder.append(headers:)` takes.
///
///     count         varint
///     each header   key length varint, key (UTF-8), value length varint (-1: null), value
public struct RecordHeaderBlock {
    private var content: [UInt8] = []
    /// Headers so far.
    public private(set) var count: Int32 = 0

    public init() {}

    /// Forgets the headers and keeps the memory.
    public mutating func reset() {
        content.removeAll(keepingCapacity: true)
        count = 0
    }

    /// Appends a header; keys may repeat and keep their order.
    public mutating func append(key: String, value: UnsafeRawBufferPointer?) {
        var key = key
        key.withUTF8 { append(key: UnsafeRawBufferPointer($0), value: value) }
    }

    /// Appends a header whose key is given as UTF-8 bytes.
    public mutating func append(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?) {
        count += 1
        Varint.append(Int64(key.count), to: &content)
        content.append(contentsOf: key)
        Varint.append(Int64(value?.count ?? -1), to: &content)
        if let value { content.append(contentsOf: value) }
    }

    /// Lends the block: count and headers.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var block = RecordHeaderBlock()
        block.content.reserveCapacity(content.count + 5)
        Varint.append(Int64(count), to: &block.content)
        block.content.append(contentsOf: content)
        return block.content.withUnsafeBytes(body)
    }
}
