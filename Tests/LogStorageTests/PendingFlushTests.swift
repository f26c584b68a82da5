import LogModel
import Testing

@testable import LogStorage

/// What waits for a group.
@Suite struct PendingFlushTests {
    private func pending(_ batches: [(segment: Int64, position: Int64, count: Int)]) -> PendingFlush
    {
        var pending = PendingFlush()
        for batch in batches { Self.add(batch, to: &pending) }
        return pending
    }

    private static func add(
        _ batch: (segment: Int64, position: Int64, count: Int),
        to pending: inout PendingFlush
    ) {
        let bytes = [UInt8](repeating: UInt8(batch.count), count: batch.count)
        bytes.withUnsafeBytes {
            pending.add(
                $0,
                segment: Offset(batch.segment),
                position: batch.position,
                bulkByteCount: 100
            )
        }
    }

    @Test func `batches that follow each other are one range, a new segment begins another`() {
        let found = pending([(0, 50, 10), (0, 60, 5), (9, 0, 7)])
        #expect(
            found.ranges == [
                JournalRange(segment: Offset(0), position: 50, byteCount: 15, isInRecord: true),
                JournalRange(segment: Offset(9), position: 0, byteCount: 7, isInRecord: true),
            ]
        )
        #expect(found.bytes.count == 22 && found.byteCount == 22 && !found.isBulk)
        #expect(!found.isEmpty && PendingFlush().isEmpty)
    }

    @Test func `more than the threshold is counted and not kept`() {
        var found = pending([(0, 0, 60), (0, 60, 40)])
        #expect(!found.isBulk)
        Self.add((0, 100, 1), to: &found)
        #expect(found.isBulk && found.bytes.isEmpty && found.byteCount == 101)
        Self.add((0, 101, 1), to: &found)
        #expect(found.bytes.isEmpty && found.ranges.map(\.byteCount) == [102])
    }

    @Test func `what a group could not write goes in front of what came since`() {
        var later = pending([(0, 60, 5)])
        var earlier = pending([(0, 0, 60)])
        earlier.logStartMoved = true
        later.putBack(earlier)
        #expect(later.ranges.map(\.position) == [0, 60])
        #expect(later.bytes == [UInt8](repeating: 60, count: 60) + [5, 5, 5, 5, 5])
        #expect(later.byteCount == 65 && later.logStartMoved && !later.isBulk)
        later.putBack(pending([(0, 0, 101)]))
        #expect(later.isBulk && later.bytes.isEmpty)
    }
}
