import Bytes
import LogModel
import Testing

@testable import Coordination

@Suite struct OffsetRemovalTests {
    private static let week: Int64 = 7 * 24 * 3_600_000

    private func record(
        _ group: String,
        _ topic: String = "data",
        id: UniqueID = dataID,
        partition: Int32 = 0,
        at commitTime: Int64 = 0,
        expires: Timestamp = .none
    ) -> OffsetRecord {
        OffsetRecord(
            group: group,
            partition: TopicPartition(topic, PartitionIndex(partition)),
            value: CommittedOffset(
                offset: Offset(1),
                topicID: id,
                commitTime: Timestamp(commitTime),
                expireTime: expires
            )
        )
    }

    private func offsets(_ records: [OffsetRecord]) -> GroupOffsets {
        var offsets = GroupOffsets()
        for (index, record) in records.enumerated() {
            offsets.apply(record, at: Offset(Int64(index)))
        }
        return offsets
    }

    private func expired(_ offsets: GroupOffsets, now: Int64) -> [String] {
        let groups = offsets.expiredGroups(now: Timestamp(now), retentionMilliseconds: Self.week)
        let records = groups.flatMap {
            offsets.tombstones(
                of: $0.text,
                .expired(now: Timestamp(now), retentionMilliseconds: Self.week)
            )
        }
        #expect(records.allSatisfy { $0.value == nil })
        #expect(Set(records.map(\.group)).count == groups.count)
        return records.map { "\($0.group) \($0.partition)" }
    }

    @Test func `a group's tombstones are for what it has now, pending ones too, and no other's`() {
        var offsets = offsets([record("a"), record("a", partition: 1), record("b")])
        offsets.apply(record("a", partition: 2), at: Offset(9), producerID: ProducerID(4))
        #expect(offsets.tombstones(of: "a", .all).map(\.partition.partition.rawValue) == [0, 1, 2])
        let named = Set([1, 2, 3].map { TopicPartition("data", PartitionIndex($0)) })
        let removed = offsets.tombstones(of: "a", .partitions(named))
        #expect(removed.map(\.partition.partition.rawValue) == [1, 2])
        #expect(offsets.tombstones(of: "c", .all).isEmpty)
    }

    @Test func `a removal of a group waits for who appends for it, and keeps others out`() {
        var offsets = offsets([record("a"), record("b")])
        let commit = offsets.beginAppend(of: "a")
        let removal = offsets.beginRemoval(of: [ExactText("a"), ExactText("c")])
        #expect(!offsets.isAlone(removal))
        #expect(offsets.beginAppend(of: "a") == nil && offsets.beginAppend(of: "c") == nil)
        #expect(offsets.beginAppend(of: "b") != nil)
        if let commit { offsets.finishAppend(commit) }
        #expect(offsets.isAlone(removal))
        offsets.finishAppend(removal)
        #expect(offsets.beginAppend(of: "a") != nil)
    }

    @Test func `a deleted topic takes its offsets along, pending ones too, no others`() throws {
        var offsets = offsets([
            record("a"), record("a", partition: 1), record("a", "other", id: dataAnewID),
            record("b", id: dataAnewID), record("c", id: .zero),
        ])
        offsets.apply(record("d"), at: Offset(9), producerID: ProducerID(4))
        let removal = try found(offsets.removeTopic(dataID, name: "data"))
        #expect(removal.records.map(\.group) == ["a", "a", "c", "d"])
        for (index, record) in removal.records.enumerated() {
            offsets.apply(record, at: Offset(Int64(10 + index)))
        }
        offsets.finishAppend(removal.append)
        offsets.end(producerID: ProducerID(4), result: .commit, at: Offset(20))
        #expect(offsets.groups == ["a", "b"])
        #expect(offsets.partitions(of: "a").map(\.topic) == ["other"])
        #expect(offsets.removeTopic(dataID, name: "data") == nil)
    }

    @Test func `what refers to no topic, or to another one of that name, is dropped`() throws {
        var offsets = offsets([
            record("a"), record("b", id: dataAnewID), record("c", id: .zero), record("d", "lost"),
        ])
        let removal = try found(offsets.dropForeign(currentIDs: ["data": dataAnewID]))
        #expect(removal.records.map(\.group) == ["a", "d"])
    }

    @Test func `a removal and a commit of one group exclude each other`() throws {
        var offsets = offsets([record("a"), record("b")])
        let commit = try found(offsets.beginAppend(of: "a"))
        let removal = try found(offsets.removeTopic(dataID, name: "data"))
        #expect(removal.records.map(\.group) == ["b"], "a commit of the other is on its way")
        #expect(offsets.removeTopic(dataID, name: "data") == nil)
        #expect(offsets.beginAppend(of: "b") == nil)
        offsets.finishAppend(commit)
        let second = try found(offsets.removeTopic(dataID, name: "data"))
        #expect(second.records.map(\.group) == ["a"])
        offsets.finishAppend(removal.append)
        offsets.finishAppend(second.append)
        #expect(offsets.beginAppend(of: "b") != nil, "the removal came to nothing")
    }

    @Test func `a group expires a week after its last commit`() {
        let offsets = offsets([
            record("a", at: 0), record("a", partition: 1, at: 1000), record("b", at: 5),
        ])
        #expect(expired(offsets, now: Self.week + 4).isEmpty)
        #expect(expired(offsets, now: Self.week + 5) == ["b data-0"])
        #expect(expired(offsets, now: Self.week + 999) == ["b data-0"])
        #expect(expired(offsets, now: Self.week + 1000) == ["a data-0", "a data-1", "b data-0"])
    }

    @Test func `a time set by an old client counts for its offset`() {
        let offsets = offsets([
            record("a", at: 0, expires: Timestamp(10)), record("a", partition: 1, at: 1000),
            record("b", at: 0, expires: Timestamp(.max)),
        ])
        #expect(expired(offsets, now: 9).isEmpty)
        #expect(expired(offsets, now: 10) == ["a data-0"])
        #expect(expired(offsets, now: 2 * Self.week) == ["a data-0", "a data-1"])
    }

    @Test func `nothing of a group expires while a transaction holds an offset of it`() {
        var offsets = offsets([record("a"), record("b")])
        offsets.apply(
            record("a", partition: 1),
            at: Offset(5),
            producerID: ProducerID(4)
        )
        #expect(expired(offsets, now: Self.week) == ["b data-0"])
        offsets.end(producerID: ProducerID(4), result: .abort, at: Offset(6))
        #expect(expired(offsets, now: Self.week) == ["a data-0", "b data-0"])
    }

    @Test func `impossible times are no trap`() {
        let offsets = offsets([
            record("a", at: .max), record("b", at: .min), record("c", at: 0),
        ])
        #expect(expired(offsets, now: Self.week) == ["b data-0", "c data-0"])
    }

    @Test func `a removal has a limit, and the next one goes on`() {
        let count = GroupOffsets.removalRecordLimit + 5
        var offsets = offsets((0..<count).map { record("g", partition: Int32($0)) })
        var at = Int64(count)
        var sizes: [Int] = []
        while let removal = offsets.removeTopic(dataID, name: "data") {
            for record in removal.records {
                offsets.apply(record, at: Offset(at))
                at += 1
            }
            offsets.finishAppend(removal.append)
            sizes.append(removal.records.count)
        }
        #expect(sizes == [GroupOffsets.removalRecordLimit, 5])
        #expect(offsets.groups.isEmpty)
    }
}
