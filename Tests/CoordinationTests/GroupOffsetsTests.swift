import Bytes
import LogModel
import Testing

@testable import Coordination

@Suite struct GroupOffsetsTests {
    private let partition = TopicPartition("in", PartitionIndex(0))

    private func record(_ offset: Int64, group: String = "g") -> OffsetRecord {
        OffsetRecord(
            group: group,
            partition: partition,
            value: CommittedOffset(offset: Offset(offset), commitTime: Timestamp(5))
        )
    }

    private func committed(_ offsets: GroupOffsets, stable: Bool = true) -> Int64? {
        let answer = offsets.offset(
            of: TopicIDPartition(.zero, partition),
            group: "g",
            requireStable: stable
        )
        return switch answer {
        case .none: -1
        case .committed(let value): value.offset.rawValue
        case .unstable: nil
        }
    }

    @Test func `an offset in a transaction counts from the commit marker on`() {
        var offsets = GroupOffsets()
        offsets.apply(record(10), at: Offset(0), producerID: ProducerID(3))
        #expect(committed(offsets) == nil)
        #expect(committed(offsets, stable: false) == -1)
        offsets.end(producerID: ProducerID(3), result: .commit, at: Offset(1))
        #expect(committed(offsets) == 10)
        offsets.apply(record(11), at: Offset(2), producerID: ProducerID(3))
        offsets.end(producerID: ProducerID(3), result: .abort, at: Offset(3))
        #expect(committed(offsets) == 10)
        offsets.checkInvariants()
    }

    @Test func `a plain commit behind a pending one in the log outlives its marker`() {
        var offsets = GroupOffsets()
        offsets.apply(record(1), at: Offset(0))
        offsets.apply(record(50), at: Offset(1), producerID: ProducerID(3))
        offsets.apply(record(20), at: Offset(2))
        #expect(committed(offsets, stable: false) == 20)
        #expect(committed(offsets) == nil)
        offsets.end(producerID: ProducerID(3), result: .commit, at: Offset(3))
        #expect(committed(offsets) == 20)
    }

    @Test func `a marker without offsets changes nothing`() {
        var offsets = GroupOffsets()
        offsets.end(producerID: ProducerID(3), result: .commit, at: Offset(0))
        #expect(offsets.groups.isEmpty && offsets.pendingProducers.isEmpty)
    }

    @Test func `a tombstone removes the offset, the last one its group, and what is pending`() {
        var offsets = GroupOffsets()
        offsets.apply(record(1), at: Offset(0))
        offsets.apply(record(2), at: Offset(1), producerID: ProducerID(3))
        #expect(offsets.groups == ["g"])
        offsets.apply(
            OffsetRecord(group: "g", partition: partition, value: nil),
            at: Offset(2)
        )
        #expect(offsets.groups.isEmpty && offsets.pendingProducers.isEmpty)
        offsets.end(producerID: ProducerID(3), result: .commit, at: Offset(3))
        #expect(committed(offsets) == -1)
        offsets.checkInvariants()
    }

    @Test func `an offset of a topic made anew is not that of the old one`() {
        var offsets = GroupOffsets()
        var old = record(7)
        old.value?.topicID = dataID
        offsets.apply(old, at: Offset(0))
        func answer(_ id: UniqueID) -> OffsetAnswer {
            offsets.offset(
                of: TopicIDPartition(id, partition),
                group: "g",
                requireStable: true
            )
        }
        #expect(answer(dataAnewID) == .none)
        #expect(old.value.map { answer(dataID) == .committed($0) } == true)
        offsets.apply(record(8), at: Offset(1))
        #expect(answer(dataAnewID) != .none, "without an id it goes by the name")
    }

    @Test func `metadata may have 4096 bytes`() {
        func check(_ count: Int) -> KafkaErrorCode {
            GroupOffsets.check([
                CommittedOffset(
                    offset: .zero,
                    metadata: String(repeating: "x", count: count),
                    commitTime: .none
                )
            ])
        }
        #expect(check(4096) == .none)
        #expect(check(4097) == .offsetMetadataTooLarge)
    }

    @Test(arguments: 1...20)
    func `the commit furthest in the log counts, whatever the order of the markers`(seed: UInt64) {
        var random = SplitMix(state: seed)
        var offsets = GroupOffsets()
        var open: [Int64: (offset: Int64, at: Int64)] = [:]
        var best: (offset: Int64, at: Int64) = (-1, -1)
        for at in Int64(0)..<400 {
            let producer = Int64(random.next(5))
            switch random.next(4) {
            case 0:
                offsets.apply(record(at * 10), at: Offset(at))
                best = (at * 10, at)
            case 1, 2:
                offsets.apply(record(at * 10), at: Offset(at), producerID: ProducerID(producer))
                open[producer] = (at * 10, at)
            default:
                let commits = random.next(2) == 0
                offsets.end(
                    producerID: ProducerID(producer),
                    result: commits ? .commit : .abort,
                    at: Offset(at)
                )
                if let held = open.removeValue(forKey: producer), commits, held.at > best.at {
                    best = held
                }
            }
            offsets.checkInvariants()
            #expect(committed(offsets, stable: false) == best.offset)
            #expect((committed(offsets) == nil) == !open.isEmpty)
        }
    }
}
