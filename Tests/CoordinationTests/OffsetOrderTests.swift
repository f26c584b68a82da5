import Bytes
import LogModel
import Testing

@testable import Coordination

/// Records and markers that are applied in another order than the log has them.
@Suite struct OffsetOrderTests {
    private let partition = TopicPartition("data", PartitionIndex(0))
    private let producer = ProducerID(3)

    private func record(_ offset: Int64?) -> OffsetRecord {
        OffsetRecord(
            group: "g",
            partition: partition,
            value: offset.map { CommittedOffset(offset: Offset($0), commitTime: Timestamp(5)) }
        )
    }

    private func committed(_ offsets: GroupOffsets) -> Int64? {
        offsets.committed["g"]?[partition]?.value.offset.rawValue
    }

    @Test(arguments: [TransactionResult.commit, .abort])
    func `a record whose marker was applied before it goes the marker's way`(
        result: TransactionResult
    ) throws {
        var offsets = GroupOffsets()
        let append = try found(offsets.beginAppend(of: "g"))
        let marker = offsets.beginMarker()
        offsets.end(producerID: producer, result: result, at: Offset(1))
        offsets.finishAppend(marker)
        // The next transaction of the same producer, committed with another marker.
        let next = try found(offsets.beginAppend(of: "g"))
        offsets.apply(record(30), at: Offset(2), producerID: producer)
        offsets.finishAppend(next)
        offsets.apply(record(10), at: Offset(0), producerID: producer)
        offsets.finishAppend(append)
        #expect(committed(offsets) == (result == .commit ? 10 : nil))
        #expect(offsets.pendingProducers == [producer], "what the next transaction holds")
        offsets.end(producerID: producer, result: .commit, at: Offset(3))
        #expect(committed(offsets) == 30)
        offsets.checkInvariants()
    }

    @Test(arguments: [ProducerID.none, ProducerID(3)])
    func `a record below a tombstone that was applied before it is gone`(
        producerID: ProducerID
    ) throws {
        var offsets = GroupOffsets()
        let late = try found(offsets.beginAppend(of: "g"))
        offsets.apply(record(nil), at: Offset(1))
        offsets.apply(record(10), at: Offset(0), producerID: producerID)
        offsets.finishAppend(late)
        #expect(offsets.groups.isEmpty && offsets.pendingProducers.isEmpty)
        offsets.checkInvariants()
        offsets.apply(record(20), at: Offset(2))
        #expect(committed(offsets) == 20)
    }

    @Test func `a tombstone below the record that was applied before it removes nothing`() throws {
        var offsets = GroupOffsets()
        let late = try found(offsets.beginAppend(of: "g"))
        offsets.apply(record(20), at: Offset(1))
        offsets.apply(record(nil), at: Offset(0))
        offsets.finishAppend(late)
        #expect(committed(offsets) == 20)
    }

    @Test(arguments: 1...60)
    func `whatever the order of application, live state is replayed state`(seed: UInt64) {
        var history = OffsetHistory(seed: seed)
        func compare() {
            let again = history.replayed()
            #expect(again.committed == history.offsets.committed)
            #expect(again.pending == history.offsets.pending)
            #expect(again.pendingCounts == history.offsets.pendingCounts)
        }
        for _ in 0..<500 {
            history.step()
            if history.isCaughtUp { compare() }
        }
        history.drain()
        compare()
        #expect(history.isIdle && history.log.count > 50)
    }
}
