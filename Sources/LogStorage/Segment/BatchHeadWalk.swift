import Bytes
import LogModel

/// What the header of a batch says.
struct BatchHead {
    var position: Int64
    var byteCount: Int
    var baseOffset: Offset
    var lastOffset: Offset
    var attributes: BatchAttributes
    var maxTimestamp: Timestamp
    var producerID: ProducerID
}

/// Goes from header to header, without reading what lies between them where that is much.
struct BatchHeadWalk {
    let file: any DiskFile
    private(set) var position: Int64
    private let end: Int64
    private var window: [UInt8] = []
    private var windowPosition: Int64 = 0

    private static let windowByteCount = 8 << 10

    init(file: any DiskFile, position: Int64, end: Int64) {
        self.file = file
        self.position = position
        self.end = end
    }

    /// Goes on with the header that lies there.
    mutating func skip(to position: Int64) { self.position = position }

    /// Nil at the end, and where no header makes sense.
    mutating func next() throws(DiskError) -> BatchHead? {
        guard position < end else { return nil }
        var at = Int(position - windowPosition)
        if at + RecordBatchLayout.headerByteCount > window.count {
            window = try PartitionFiles.bytes(
                of: file,
                at: position,
                count: Self.windowByteCount
            )
            windowPosition = position
            at = 0
        }
        guard let head = Self.head(window, at: at, position) else { return nil }
        position += Int64(head.byteCount)
        return head
    }

    private static func head(_ bytes: [UInt8], at start: Int, _ position: Int64) -> BatchHead? {
        guard start + RecordBatchLayout.headerByteCount <= bytes.count else { return nil }
        return bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return nil }
            let p = base + start
            let length: Int32 = p.bigEndian(at: RecordBatchLayout.length)
            let byteCount = Int(length) + RecordBatchLayout.lengthPrefixByteCount
            let delta: Int32 = p.bigEndian(at: RecordBatchLayout.lastOffsetDelta)
            let first: Int64 = p.bigEndian(at: RecordBatchLayout.baseOffset)
            guard byteCount >= RecordBatchLayout.headerByteCount, delta >= 0, first >= 0,
                first < Int64.max / 2
            else { return nil }
            return BatchHead(
                position: position,
                byteCount: byteCount,
                baseOffset: Offset(first),
                lastOffset: Offset(first + Int64(delta)),
                attributes: BatchAttributes(
                    rawValue: p.bigEndian(at: RecordBatchLayout.attributes)
                ),
                maxTimestamp: Timestamp(p.bigEndian(at: RecordBatchLayout.maxTimestamp)),
                producerID: ProducerID(p.bigEndian(at: RecordBatchLayout.producerID))
            )
        }
    }
}
