import Bytes

/// For batches that are written again with what they held: deltas are kept, the header is given.
extension RecordBatchBuilder {
    /// Appends a record with its attributes and deltas as they are.
    public mutating func append(copying record: RecordView) {
        let keyCount = Int64(record.key?.count ?? -1)
        let valueCount = Int64(record.value?.count ?? -1)
        let length = record.byteCount
        if capacity - byteCount < length + 10 { grow(by: length + 10) }

        var p = base + byteCount
        Varint.write(Int64(length), to: &p)
        p.storeBytes(of: record.attributes, as: UInt8.self)
        p += 1
        Varint.write(record.timestampDelta, to: &p)
        Varint.write(Int64(record.offsetDelta), to: &p)
        Varint.write(keyCount, to: &p)
        Self.copy(record.key, to: &p)
        Varint.write(valueCount, to: &p)
        Self.copy(record.value, to: &p)
        Self.copy(record.headers, to: &p)
        noteAppended(byteCount: p - base)
    }

    /// Writes `header`, whose count and timestamps are the caller's, in front of the records so far
    /// and lends the batch; it is valid until the builder is next changed.
    ///
    /// - Precondition: the header names no codec and counts the records appended.
    public mutating func seal(as header: RecordBatchHeader) -> UnsafeMutableRawBufferPointer {
        precondition(header.attributes.codecNumber == 0, "compressed batches are sealed elsewhere")
        precondition(header.recordCount == recordCount, "the header counts other records")
        let batch = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
        header.write(to: batch)
        return batch
    }
}
