package import LogModel

/// The time of the first record that a reader has before it.
package enum FirstRecordTime {
    /// The time of the first record at or behind an offset, a marker being none, nor a record that
    /// the filter hides, and where what was looked at ends.
    package static func find(
        in bytes: UnsafeRawBufferPointer,
        from position: Offset,
        hiding aborted: AbortedFilter = AbortedFilter()
    ) -> (time: Timestamp?, end: Offset) {
        var aborted = aborted
        var decompressor = RecordDecompressor()
        var batches = RecordBatchSequence(bytes)
        var end = position
        while let batch = try? batches.next() {
            end = max(end, batch.nextOffset)
            if batch.attributes.isControl {
                guard (try? aborted.noteControl(of: batch)) != nil else { return (nil, position) }
                continue
            }
            guard !aborted.hides(batch), batch.nextOffset > position else { continue }
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
