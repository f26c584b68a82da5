package import LogModel

/// The time of the first record that a reader has before it.
package enum FirstRecordTime {
    /// The time of the first record at or behind an offset, a marker being none, and where what was
    /// looked at ends.
    package static func find(
        in bytes: UnsafeRawBufferPointer,
        from position: Offset
    ) -> (time: Timestamp?, end: Offset) {
        var decompressor = RecordDecompressor()
        var batches = RecordBatchSequence(bytes)
        var end = position
        while let batch = try? batches.next() {
            end = max(end, batch.nextOffset)
            guard !batch.attributes.isControl, batch.nextOffset > position else { continue }
            guard (try? batch.verifyChecksum()) != nil,
                var records = try? decompressor.records(
                    of: batch,
                    byteLimit: BatchLimit.recordByteCount
                )
            else { return (nil, position) }
            while let record = try? records.next() {
                if batch.offset(of: record) >= position {
                    return (batch.timestamp(of: record), end)
                }
            }
        }
        return (nil, end)
    }
}
