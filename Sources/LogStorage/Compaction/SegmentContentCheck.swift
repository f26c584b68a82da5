import Bytes
import LogModel

/// The checksum of a compacted segment: a CRC-32C over the first 21 bytes of each of its batches.
/// They are what a batch's own checksum does not cover, and that checksum: so it covers everything.
struct CompactedChecksum: Equatable, Sendable {
    private(set) var value: UInt32 = 0

    mutating func note(_ batch: RecordBatchView) {
        let head = UnsafeRawBufferPointer(start: batch.base, count: RecordBatchLayout.attributes)
        value = crc32c(head, seed: value)
    }
}

/// Whether the batches of one segment are those that were written there, as they go by.
///
/// A segment as it was appended is dense: each batch begins where the one before ends. One that a
/// cleaner wrote may have gaps, but only within its bounds, and is what its entry says.
struct SegmentContentCheck: Sendable {
    private let base: Offset
    private let entry: CompactedSegments.Entry?
    private var next: Offset
    private var byteCount: Int64 = 0
    private var checksum = CompactedChecksum()

    /// - Parameter entry: What `CompactedSegments` has of the segment.
    init(base: Offset, entry: CompactedSegments.Entry?) {
        precondition(entry == nil || entry?.base == base, "the entry of another segment")
        self.base = base
        self.entry = entry
        next = base
    }

    /// Takes note of the next batch; why it is not the one that was written there. Behind a batch
    /// that is refused the sum tells nothing more, and the order goes on.
    mutating func note(_ batch: RecordBatchView) -> String? {
        let first = batch.baseOffset
        let (behind, overflows) = first.rawValue.addingReportingOverflow(
            Int64(batch.lastOffsetDelta) + 1
        )
        guard first >= .zero, batch.lastOffsetDelta >= 0, !overflows else {
            return "a batch of impossible offsets, from \(first.rawValue) on"
        }
        if let entry {
            guard first >= next, behind <= entry.end.rawValue else {
                let expected = next
                // It is as likely right as the one in front of it.
                if first < next { next = Offset(behind) }
                return "offset \(first.rawValue), where one from \(expected.rawValue) "
                    + "to \(entry.end.rawValue - 1) belongs"
            }
            checksum.note(batch)
        } else if first != next {
            return "offset \(first.rawValue), where \(next.rawValue) is next"
        }
        next = Offset(behind)
        byteCount += Int64(batch.byteCount)
        return nil
    }

    /// Whether what went by is not the begin of what was written: as many bytes and other ones,
    /// more of them, or fewer that reach the end all the same.
    var isOther: Bool {
        guard let entry else { return false }
        if byteCount < entry.byteCount { return next >= entry.end }
        return byteCount > entry.byteCount || checksum.value != entry.checksum
    }

    /// Why the batches that went by are not the segment; to be asked behind the last one. Of a
    /// dense segment the caller knows where it ends.
    func finish(end: Offset? = nil) -> String? {
        guard let entry else {
            guard let end, end != next else { return nil }
            return "the segment ends at offset \(next.rawValue), the next one begins at "
                + "\(end.rawValue)"
        }
        guard byteCount == entry.byteCount else {
            return "\(byteCount) bytes in a compacted segment of \(entry.byteCount)"
        }
        guard checksum.value == entry.checksum else {
            return "the batch headers of a compacted segment are not those that were written"
        }
        if let end, end != entry.end {
            return "a compacted segment ends at offset \(entry.end.rawValue), the next one begins "
                + "at \(end.rawValue)"
        }
        return nil
    }
}

extension SegmentContentCheck {
    /// What is wrong with a segment, and at which byte.
    struct Fault: Equatable, Sendable {
        var position: Int64
        /// Up to which byte its batches are what was written: nothing where their order or the sum
        /// over all of them is wrong, which does not tell whose offset it is.
        var wholeByteCount: Int64
        var reason: String

        init(position: Int64, isWholeBefore: Bool = true, reason: String) {
            self.position = position
            wholeByteCount = isWholeBefore ? position : 0
            self.reason = reason
        }
    }

    /// Reads a segment whole; the first fault in it, nil if it is what was written.
    ///
    /// - Parameter end: The base of the next segment, where there is one.
    static func firstFault(
        in file: any DiskFile,
        base: Offset,
        byteCount: Int64,
        end: Offset?,
        entry: CompactedSegments.Entry?
    ) throws(DiskError) -> Fault? {
        var check = SegmentContentCheck(base: base, entry: entry)
        var scanner = SegmentScanner(file: file, from: 0, to: byteCount)
        while true {
            let position = scanner.position
            switch try scanner.next() {
            case .end:
                return check.finish(end: end).map { reason in
                    Fault(
                        position: position,
                        isWholeBefore: !check.isOther,
                        reason: reason
                    )
                }
            case .bad(let error):
                return Fault(position: position, reason: "\(error)")
            case .batch(let batch):
                if let reason = check.note(batch) {
                    return Fault(position: position, isWholeBefore: false, reason: reason)
                }
                scanner.advance(by: batch.byteCount)
            }
        }
    }
}
