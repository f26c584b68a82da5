import Bytes
import LogModel

/// What one segment's batches say, for comparison with its index files.
struct SegmentFacts {
    struct Batch {
        var position: Int64
        var lastOffset: Offset
        var maxTimestamp: Timestamp
    }

    struct Fault {
        var position: Int64
        var reason: String
    }

    let base: Offset
    let byteCount: Int64
    /// Batches were thinned out: an index may name offsets that are gone.
    var isCompacted = false
    private(set) var batches: [Batch] = []

    /// The index files by their ending.
    enum IndexKind: CaseIterable {
        case offsets
        case times

        var file: SegmentFile {
            switch self {
            case .offsets: .index
            case .times: .timeIndex
            }
        }
    }

    init(base: Offset, byteCount: Int64) {
        self.base = base
        self.byteCount = byteCount
    }

    mutating func note(_ batch: RecordBatchView, at position: Int64) {
        batches.append(
            Batch(
                position: position,
                lastOffset: batch.lastOffset,
                maxTimestamp: batch.maxTimestamp
            )
        )
    }

    /// What is wrong with a complete index file.
    func fault(of kind: IndexKind, _ bytes: [UInt8]) -> Fault? {
        switch kind {
        case .offsets: fault(ofOffsets: bytes)
        case .times: fault(ofTimes: bytes)
        }
    }

    /// Each entry names the last offset of a batch and where that batch begins.
    private func fault(ofOffsets bytes: [UInt8]) -> Fault? {
        guard bytes.count % 8 == 0 else {
            return Fault(position: Int64(bytes.count), reason: "not a whole number of entries")
        }
        let positions = Dictionary(batches.map { ($0.position, $0.lastOffset) }) { $1 }
        var previous: (offset: Offset, position: Int64)?
        return bytes.withUnsafeBytes { raw in
            guard let p = raw.baseAddress else { return nil }
            for start in stride(from: 0, to: bytes.count, by: 8) {
                let relative = p.bigEndian(Int32.self, at: start)
                let position = Int64(p.bigEndian(Int32.self, at: start + 4))
                let offset = base.advanced(by: Int64(relative))
                let entry = "the entry of offset \(offset.rawValue) at byte \(position)"
                if let previous, offset <= previous.offset || position <= previous.position {
                    return Fault(position: Int64(start), reason: "\(entry) is out of order")
                }
                previous = (offset, position)
                if positions[position] == offset { continue }
                return Fault(position: Int64(start), reason: "\(entry) matches no batch")
            }
            return nil
        }
    }

    /// Each entry names the largest timestamp up to a batch, and that batch's last offset; the
    /// last one the largest of the segment.
    private func fault(ofTimes bytes: [UInt8]) -> Fault? {
        guard bytes.count % 12 == 0 else {
            return Fault(position: Int64(bytes.count), reason: "not a whole number of entries")
        }
        var next = 0
        var largest = Timestamp.none
        var previous: Timestamp?
        return bytes.withUnsafeBytes { raw in
            for start in stride(from: 0, to: bytes.count, by: 12) {
                guard let p = raw.baseAddress else { return nil }
                let timestamp = Timestamp(p.bigEndian(at: start))
                let relative = p.bigEndian(Int32.self, at: start + 8)
                let offset = base.advanced(by: Int64(relative))
                while next < batches.count, batches[next].lastOffset <= offset {
                    largest = max(largest, batches[next].maxTimestamp)
                    next += 1
                }
                let entry = "the entry of time \(timestamp.rawValue) at offset \(offset.rawValue)"
                if let previous, timestamp <= previous {
                    return Fault(position: Int64(start), reason: "\(entry) is out of order")
                }
                previous = timestamp
                let isBatch =
                    next > 0 && batches[next - 1].lastOffset == offset
                    && batches[next - 1].maxTimestamp == timestamp
                if isBatch && timestamp == largest { continue }
                if isCompacted && timestamp >= largest { continue }
                return Fault(
                    position: Int64(start),
                    reason: "\(entry), where the batches say \(largest.rawValue)"
                )
            }
            let segment = batches.map(\.maxTimestamp).max() ?? .none
            guard segment > (previous ?? .none), segment.rawValue >= 0 else {
                return nil
            }
            return Fault(
                position: Int64(bytes.count),
                reason: "no entry of the segment's largest time, \(segment.rawValue)"
            )
        }
    }
}
