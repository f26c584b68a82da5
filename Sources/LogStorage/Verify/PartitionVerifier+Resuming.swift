import Bytes
import LogModel

extension PartitionVerifier {
    /// Where the batch behind a bad one begins, if its length can be believed: by the offset of
    /// what lies there, or by its checksum.
    func next(
        behind position: Int64,
        in file: any DiskFile,
        to end: Int64
    ) throws(DiskError) -> Int64? {
        guard let here = try header(file, at: position, end),
            let next = try header(file, at: position + here.byteCount, end)
        else { return nil }
        let place = position + here.byteCount
        if next.offset > here.offset { return place }
        var scanner = SegmentScanner(file: file, from: place, to: end)
        if case .batch = try scanner.next() { return place }
        return nil
    }

    private func header(
        _ file: any DiskFile,
        at position: Int64,
        _ end: Int64
    ) throws(DiskError) -> (offset: Int64, byteCount: Int64)? {
        let needed = RecordBatchLayout.headerByteCount
        guard position + Int64(needed) <= end else { return nil }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: needed, alignment: 8)
        defer { bytes.deallocate() }
        guard try file.read(into: bytes, at: position) == needed, let base = bytes.baseAddress
        else { return nil }
        let p = UnsafeRawPointer(base)
        let length: Int32 = p.bigEndian(at: RecordBatchLayout.length)
        let magic: UInt8 = bytes[RecordBatchLayout.magic]
        guard length >= 49, magic == 2, position + Int64(length) + 12 <= end else { return nil }
        return (p.bigEndian(at: RecordBatchLayout.baseOffset), Int64(length) + 12)
    }
}
