import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// Whole rounds on files: what is left, and what it costs.
@Suite struct SegmentCleanerTests {
    private static func offsets(_ topic: CompactedTopic) throws -> [Int64] {
        try ScannedLog(topic.files).records.map(\.offset)
    }

    private static func check(_ topic: CompactedTopic, from end: Offset) throws {
        try CompactionModel(topic).check(try ScannedLog(topic.files), untouched: end)
    }

    @Test(arguments: CompressionCodec.allCases)
    func `the last value of each key is left, in its place`(codec: CompressionCodec) throws {
        var topic = try CompactedTopic()
        try topic.append([("a", "1"), ("b", "2"), ("a", "3")], codec: codec)
        try topic.append([("a", "4"), ("c", "5")], codec: codec, at: 2_000)
        try topic.roll()
        try topic.append([("b", "6")])
        let plan = try #require(try topic.clean())
        // The active segment's value of b is not looked at.
        #expect(try Self.offsets(topic) == [1, 3, 4, 5])
        #expect(try ScannedLog(topic.files).places == [[0, 2], [3, 4], [5, 5]])
        #expect(topic.statistics.supersededCount == 2)
        #expect(topic.statistics.keptRecordCount == 3)
        try Self.check(topic, from: plan.end)
    }

    @Test func `records without a key are dropped and counted`() throws {
        var topic = try CompactedTopic()
        try topic.append([(nil, "1"), ("b", "2"), (nil, nil)])
        try topic.roll()
        try topic.clean()
        #expect(try Self.offsets(topic) == [1])
        #expect(topic.statistics.keylessCount == 2)
    }

    @Test func `small segments are merged, and cleaning again changes nothing`() throws {
        var topic = try CompactedTopic()
        for value in 0..<5 {
            try topic.append([("k\(value)", "v")])
            try topic.roll()
        }
        try topic.clean()
        #expect(topic.segments.map(\.base.rawValue) == [0, 5])
        #expect(topic.compacted.entries.map(\.end.rawValue) == [5])
        #expect(topic.compacted.firstDirtyOffset?.rawValue == 5)
        #expect(try topic.clean() == nil)
        try topic.append([("z", "v")])
        try topic.roll()
        topic.options.segmentByteLimit = 100
        let before = try topic.disk.kind(of: topic.files.path(.zero, .log))
        try topic.clean()
        #expect(before != nil)
        #expect(topic.statistics.writtenByteCount == 0)
        #expect(try Self.offsets(topic) == [0, 1, 2, 3, 4, 5])
    }

    /// What a producer compressed over a longer window than the usual level has, and is too much to
    /// be compressed as hard again.
    private static func hardBatch(
        _ values: [[UInt8]],
        keys: [String],
        at offset: Int64
    ) throws -> [UInt8] {
        var builder = RecordBatchBuilder()
        for (index, (key, value)) in zip(keys, values).enumerated() {
            Array(key.utf8).withUnsafeBytes { key in
                value.withUnsafeBytes { value in
                    builder.append(timestamp: Timestamp(Int64(index)), key: key, value: value)
                }
            }
        }
        var header = try Array(builder.seal(baseOffset: Offset(offset))).withUnsafeBytes {
            RecordBatchHeader(of: try RecordBatchView($0))
        }
        header.attributes = BatchAttributes(codec: .zstd)
        var compressor = RecordCompressor()
        let bytes = try compressor.compress(
            builder.recordBlock,
            codec: .zstd,
            headerByteCount: RecordBatchLayout.headerByteCount,
            isHard: true
        )
        header.write(to: bytes)
        return Array(bytes)
    }

    @Test func `segments whose batches become longer are not joined beyond the limit`() throws {
        var random = SystemRandomNumberGenerator()
        let value = (0..<(3 << 17)).flatMap { _ in
            withUnsafeBytes(of: random.next()) { Array($0) }
        }
        // One record of each goes, and the rest takes three times as much.
        let values = [value, [7], value, value]
        let first = try Self.hardBatch(values, keys: ["a", "x", "b", "c"], at: 0)
        let second = try Self.hardBatch(values, keys: ["d", "x", "e", "f"], at: 4)
        let third = try Self.hardBatch([[1]], keys: ["x"], at: 8)
        let last = try Self.hardBatch([[1]], keys: ["y"], at: 9)
        let limit: Int64 = 14 << 20
        #expect(first.count + second.count < Int(limit) / 2)
        var topic = try CompactedTopic(
            segments: [
                (Offset(0), first), (Offset(4), second), (Offset(8), third), (Offset(9), last),
            ],
            segmentByteLimit: limit
        )
        try topic.clean()
        #expect(topic.segments.map(\.base.rawValue) == [0, 4, 8, 9])
        #expect(topic.segments.allSatisfy { $0.byteCount <= limit })
        #expect(topic.segments[0].byteCount > 9 << 20)
        #expect(try Self.offsets(topic) == [0, 2, 3, 4, 6, 7, 8, 9])
        #expect(topic.statistics.keptRecordCount == 7)
        #expect(topic.statistics.supersededCount == 2)
    }

    @Test func `the last batch of a round stays without records, for readers to reach the end`()
        throws
    {
        var topic = try CompactedTopic()
        try topic.append([("a", "1")])
        try topic.append([(nil, "2"), (nil, "3")])
        try topic.roll()
        try topic.clean()
        let last = try #require(try ScannedLog(topic.files).batches.last)
        #expect(last.base == 1 && last.last == 2 && last.recordCount == 0)
        // With more behind it, it is no longer the last one.
        try topic.append([("b", "4")])
        try topic.roll()
        try topic.clean()
        #expect(try ScannedLog(topic.files).places == [[0, 0], [3, 3]])
    }

    // MARK: Tombstones

    @Test func `a tombstone gets its horizon once and goes when it has passed, KAFKA-8522`() throws
    {
        var topic = try CompactedTopic()
        topic.options.deleteRetentionMilliseconds = 1_000
        try topic.append([("a", "1"), ("b", "1"), ("a", nil)])
        try topic.append([("c", "1")])
        try topic.roll()
        try topic.append([("d", "1")])
        try topic.clean(now: 50_000)
        #expect(try Self.offsets(topic) == [1, 2, 3, 4])
        #expect(try ScannedLog(topic.files).batches[0].deleteHorizon == 51_000)
        // The log is dirty all the time: a horizon that moved along would never pass.
        for now in [50_500, 50_999] as [Int64] {
            try topic.append([("d", "\(now)")])
            try topic.roll()
            try topic.append([("e", "\(now)")])
            try topic.clean(now: now)
            #expect(try Self.offsets(topic).prefix(3) == [1, 2, 3])
            #expect(try ScannedLog(topic.files).batches[0].deleteHorizon == 51_000)
            try Self.check(topic, from: topic.segments.last?.base ?? .zero)
        }
        try topic.append([("d", "last")])
        try topic.roll()
        try topic.clean(now: 51_000)
        #expect(try Self.offsets(topic).prefix(2) == [1, 3])
        #expect(topic.statistics.expiredTombstoneCount == 1)
        // Times are still those that were given.
        try Self.check(topic, from: topic.segments.last?.base ?? .zero)
    }

    /// As in Kafka: what the batch says, not what the topic says by now.
    @Test(arguments: [Int64(0), 3_600_000])
    func `another delete.retention.ms moves no horizon that was given`(later: Int64) throws {
        var topic = try CompactedTopic()
        topic.options.deleteRetentionMilliseconds = 1_000
        try topic.append([("a", "1"), ("a", nil)])
        try topic.append([("c", "1")])
        try topic.roll()
        try topic.clean(now: 50_000)
        topic.options.deleteRetentionMilliseconds = later
        for (now, offsets) in [(50_999, [1, 2]), (51_000, [2])] as [(Int64, [Int64])] {
            try topic.append([("d", "\(now)")])
            try topic.roll()
            try topic.clean(now: now)
            #expect(Array(try Self.offsets(topic).prefix { $0 < 3 }) == offsets, "at \(now)")
        }
    }

    // MARK: Transactions

    /// Cleans again and again, with a new record each time so that there is something to do.
    private static func cleanAgain(_ topic: inout CompactedTopic, now: Int64) throws {
        try topic.roll()
        try topic.append([("again", "\(now)")])
        try topic.roll()
        try topic.append([("active", "\(now)")])
        try topic.clean(now: now)
        try check(topic, from: topic.segments.last?.base ?? .zero)
    }

    @Test(arguments: [TransactionResult.commit, .abort])
    func `a marker goes only behind its records, its producer's next batch, and its horizon`(
        result: TransactionResult
    ) throws {
        var topic = try CompactedTopic()
        topic.options.deleteRetentionMilliseconds = 1_000
        let producer = KeyedProducer(7, isTransactional: true)
        try topic.append([("a", "in")], from: producer)
        let marker = try topic.end(producer, result)
        try topic.append([("a", "later"), ("b", "1")])
        func markers() throws -> [ScannedLog.Batch] {
            try ScannedLog(topic.files).batches.filter(\.isControl)
        }
        // The producer's last batch stays, so the marker does.
        try Self.cleanAgain(&topic, now: 10_000)
        #expect(try ScannedLog(topic.files).batches[0].recordCount == 0)
        try Self.cleanAgain(&topic, now: 20_000)
        #expect(try markers().map(\.base) == [marker])
        #expect(try markers().map(\.hasHorizon) == [false])
        // It wrote again, and only its marker is left of the first transaction.
        try topic.append([("c", "1")], from: producer)
        try topic.end(producer, .commit)
        try Self.cleanAgain(&topic, now: 30_000)
        #expect(try markers().first?.base == marker)
        #expect(try markers().first?.hasHorizon == false)
        try Self.cleanAgain(&topic, now: 40_000)
        #expect(try markers().first?.deleteHorizon == 41_000)
        try Self.cleanAgain(&topic, now: 40_999)
        #expect(try markers().first?.base == marker)
        try Self.cleanAgain(&topic, now: 41_000)
        #expect(try markers().count == 1)
        #expect(try markers().first?.base != marker)
    }

    @Test func `an aborted transaction that spans groups vanishes in both, KAFKA-8351`() throws {
        var topic = try CompactedTopic(segmentByteLimit: 200)
        let producer = KeyedProducer(7, isTransactional: true)
        try topic.append([("a", "aborted")], from: producer)
        try topic.roll()
        try topic.append([("b", "aborted")], from: producer)
        try topic.roll()
        try topic.append([("x", String(repeating: "x", count: 200))])
        try topic.roll()
        try topic.append([("c", "aborted")], from: producer)
        try topic.roll()
        try topic.append([("y", String(repeating: "y", count: 200))])
        try topic.end(producer, .abort)
        try topic.roll()
        try topic.append([("end", "")])
        let plan = try #require(try topic.clean())
        #expect(plan.groups(upTo: plan.end, options: topic.options).count > 2)
        #expect(try ScannedLog(topic.files).records.compactMap(\.key) == ["x", "y", "end"])
        // The producer's last batch is there without records, so its marker and entry are, too.
        #expect(try ScannedLog(topic.files).storedAborted.count == 1)
        try Self.check(topic, from: plan.end)
        try Self.cleanAgain(&topic, now: 200_000_000)
        #expect(try ScannedLog(topic.files).storedAborted.count == 1)
    }

    @Test func `a round that ends within a segment knows transactions behind its end, KAFKA-13727`()
        throws
    {
        var topic = try CompactedTopic()
        // No horizon is ever in the way.
        topic.options.deleteRetentionMilliseconds = 0
        let producer = KeyedProducer(7, isTransactional: true)
        for key in 0..<60 { try topic.append([("key \(key)", "1")]) }
        // Begins behind what the map has room for, in the same segment.
        try topic.append([("key 0", "aborted")], from: producer)
        try topic.end(producer, .abort)
        try topic.append([("key 1", "in")], from: producer)
        try topic.end(producer, .commit)
        try topic.roll()
        try topic.append([("end", "")])
        topic.options.offsetMapByteLimit = 4_096 + 512
        for now in 1...4 {
            let round = topic.round(now: Int64(now) * 100_000)
            try topic.clean(now: Int64(now) * 100_000)
            if now == 1 {
                let end = try #require(topic.statistics.roundEnd)
                #expect(end > .zero && end < Offset(60))
                #expect(round?.plan.end == Offset(64))
            }
            #expect(try ScannedLog(topic.files).storedAborted.count == 1)
            try Self.check(topic, from: Offset(64))
        }
    }

    @Test func `rounds of a small map come to the end, and then nothing is left to do`() throws {
        var topic = try CompactedTopic(segmentByteLimit: 2_000)
        topic.options.offsetMapByteLimit = 4_096 + 512
        for value in 0..<400 { try topic.append([("key \(value % 150)", "\(value)")]) }
        try topic.roll()
        var rounds = 0
        while try topic.clean() != nil {
            rounds += 1
            try Self.check(topic, from: topic.compacted.firstDirtyOffset ?? .zero)
            try #require(rounds < 100)
        }
        #expect(rounds > 2)
        #expect(topic.compacted.firstDirtyOffset == topic.logEnd)
        // One record for each key and round at most, and of the last rounds just one.
        #expect(Set(try ScannedLog(topic.files).records.suffix(100).map(\.key)).count == 100)
    }

    @Test func `control batches that end no transaction stay`() throws {
        var topic = try CompactedTopic()
        try topic.appendLeaderChange()
        try topic.append([("a", "1")])
        try topic.append([("a", "2")])
        try topic.roll()
        try topic.clean(now: 1_000_000_000)
        try Self.cleanAgain(&topic, now: 2_000_000_000)
        let first = try #require(try ScannedLog(topic.files).batches.first)
        #expect(first.isControl && first.base == 0 && first.recordCount == 1)
    }

    @Test func `an epoch that only a marker holds survives its transaction`() throws {
        var topic = try CompactedTopic()
        topic.options.deleteRetentionMilliseconds = 1
        let producer = KeyedProducer(7, isTransactional: true)
        try topic.append([("a", "in")], from: producer)
        producer.bump()
        let marker = try topic.end(producer, .commit)
        try topic.append([("a", "later")])
        for now in 1...4 { try Self.cleanAgain(&topic, now: Int64(now) * 100_000) }
        let log = try ScannedLog(topic.files)
        #expect(log.batches.filter(\.isControl).map(\.base) == [marker])
        #expect(log.batches.filter { $0.producerID == 7 }.count == 1)
        #expect(log.producers.entries[ProducerID(7)]?.epoch == ProducerEpoch(1))
    }

    @Test func `an open transaction is not touched`() throws {
        var topic = try CompactedTopic()
        let producer = KeyedProducer(7, isTransactional: true)
        try topic.append([("a", "1"), ("a", "2")])
        try topic.roll()
        try topic.append([("a", "open")], from: producer)
        try topic.append([("b", "1"), ("b", "2")])
        try topic.roll()
        try topic.append([("end", "")])
        let plan = try #require(try topic.clean())
        #expect(plan.end == Offset(2))
        #expect(try Self.offsets(topic) == [1, 2, 3, 4, 5])
    }

    // MARK: Stopping

    @Test func `a stopped round leaves the folder as it was`() throws {
        var topic = try CompactedTopic(segmentByteLimit: 400_000)
        let value = String(repeating: "v", count: 3_000)
        for index in 0..<400 { try topic.append([("k\(index % 7)", value)]) }
        try topic.roll()
        let names = try topic.disk.list(CompactedTopic.directory)
        let round = try #require(topic.round(now: 10_000))
        var stops = 0
        for last in 0..<100 {
            var questions = 0
            var cleaner = SegmentCleaner(files: topic.files, round: round)
            let step = try cleaner.next { byteCount in
                #expect(byteCount >= 1 << 18 && byteCount < 1 << 19)
                questions += 1
                return questions <= last
            }
            guard case .stopped = step else {
                if case .cleaned(let group) = step {
                    try SegmentSwap(files: topic.files).discard(group)
                }
                #expect(try topic.disk.list(CompactedTopic.directory) == names)
                break
            }
            stops += 1
            #expect(try topic.disk.list(CompactedTopic.directory) == names)
        }
        #expect(stops > 4)
        try topic.clean()
        #expect(try Self.offsets(topic).count == 7)
    }

    @Test func `a disk that fails stops the round and leaves the old segments`() throws {
        var topic = try CompactedTopic()
        try topic.append([("a", "1"), ("a", "2")])
        try topic.roll()
        try topic.append([("end", "")])
        topic.disk.setCapacity(0)
        #expect(throws: LogStorageError.self) { try topic.clean() }
        topic.disk.setCapacity(1 << 30)
        #expect(try Self.offsets(topic) == [0, 1, 2])
        try topic.clean()
        #expect(try Self.offsets(topic) == [1, 2])
    }

    @Test(arguments: DiskOperation.allCases)
    func `whichever call fails, the log goes on or recovery does`(operation: DiskOperation) throws {
        var failures = 0
        for skipping in 0..<200 {
            var history = RandomHistory(seed: 5)
            var topic = try CompactedTopic(segmentByteLimit: 700)
            try history.write(to: &topic, count: 40)
            try topic.roll()
            topic.disk.inject(
                DiskFault(.operation(operation), onPathEnding: "", skipping: skipping)
            )
            do {
                try topic.clean()
                break
            } catch is LogStorageError {
                failures += 1
            }
            topic.disk.clearFaults()
            // Undecided: the same log cleans again. Decided: it is the next start's to complete.
            if topic.compacted.pending == nil { try topic.clean(now: 20_000) }
            let names = try topic.disk.list(CompactedTopic.directory)
            _ = try CleanerRecovery.recover(topic.files, names: names)
            try Self.check(topic, from: topic.segments.last?.base ?? .zero)
            var reopened = try CompactedTopic(topic, on: topic.disk)
            try reopened.clean(now: 30_000)
            try Self.check(topic, from: topic.segments.last?.base ?? .zero)
        }
        let isUsed = ![.truncate, .createDirectory, .removeDirectory].contains(operation)
        #expect(isUsed == (failures > 5))
        #expect(failures < 200)
    }

    @Test func `the cleaned segment's index finds its batches`() throws {
        var topic = try CompactedTopic()
        for value in 0..<200 {
            try topic.append([("k\(value % 60)", "\(value)")], at: Int64(value))
        }
        try topic.roll()
        try topic.clean()
        let segment = topic.segments[0]
        let offsets = try #require(try topic.files.content(of: topic.files.path(.zero, .index)))
        let times = try #require(
            try topic.files.content(of: topic.files.path(.zero, .timeIndex))
        )
        let stored = try #require(
            SegmentIndex(
                offsets: offsets,
                times: times,
                base: .zero,
                byteCount: segment.byteCount
            )
        )
        #expect(stored.offsets == segment.index.offsets)
        #expect(stored.times == segment.index.times)
        #expect(!stored.offsets.isEmpty)
        #expect(segment.index.largestTimestamp == Timestamp(199))
    }
}
