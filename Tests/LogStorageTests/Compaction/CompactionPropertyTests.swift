import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// Random histories, cleaned again and again, against what must be true of them.
@Suite struct CompactionPropertyTests {
    @Test func `whatever was written and cleaned, readers find what they would have found`() throws
    {
        var statistics = CleaningStatistics()
        var rounds = 0
        for seed in 0..<300 as Range<UInt64> {
            do {
                try Self.run(seed: seed, &statistics, &rounds)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
        // The histories were worth it.
        #expect(rounds > 1_000)
        #expect(statistics.supersededCount > 1_000)
        #expect(statistics.abortedRecordCount > 500)
        #expect(statistics.expiredTombstoneCount > 100)
        #expect(statistics.removedMarkerCount > 100)
        #expect(statistics.keylessCount > 100)
    }

    private static func run(
        seed: UInt64,
        _ statistics: inout CleaningStatistics,
        _ rounds: inout Int
    ) throws {
        var history = RandomHistory(seed: seed)
        var topic = try history.makeTopic()
        for _ in 0..<4 + history.generator.below(5) {
            try history.write(to: &topic, count: 10 + history.generator.below(40))
            if history.generator.oneIn(2) { try topic.roll() }
            let now = history.tick()
            // Some rounds are given up half way, as when the log is closed.
            let limit = history.generator.oneIn(4) ? history.generator.below(3) : .max
            guard let plan = try topic.clean(now: now, groupLimit: limit) else { continue }
            rounds += 1
            statistics.add(topic.statistics)
            let log = try ScannedLog(topic.files)
            let end = min(plan.end, topic.statistics.roundEnd ?? .zero)
            try CompactionModel(topic).check(log, untouched: end)
            // A reader of the log reaches the end of the round.
            guard
                end < plan.end || limit < .max
                    || log.batches.contains(where: { $0.last + 1 == end.rawValue })
            else { throw CompactionFailure("the round's last batch is gone") }
        }
    }
}

/// A source of batches, transactions and times.
struct RandomHistory {
    var generator: SeededGenerator
    private var producers: [KeyedProducer]
    private var open: [KeyedProducer] = []
    private var now: Int64 = 1_000_000
    private var value = 0

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        producers = (1...6).map { KeyedProducer($0, isTransactional: $0 > 2) }
    }

    mutating func makeTopic() throws -> CompactedTopic {
        var topic = try CompactedTopic(segmentByteLimit: [300, 1_000, 5_000][generator.below(3)])
        topic.options.deleteRetentionMilliseconds = [0, 500, 100_000][generator.below(3)]
        if generator.oneIn(4) { topic.options.offsetMapByteLimit = 4_096 + 512 }
        if generator.oneIn(4) { topic.options.minimumDirtyRatio = 0.4 }
        if generator.oneIn(5) { topic.options.minimumLagMilliseconds = 50 }
        return topic
    }

    /// The clock, some time later.
    mutating func tick() -> Int64 {
        now += Int64(generator.below(400))
        return now
    }

    mutating func write(to topic: inout CompactedTopic, count: Int) throws {
        for _ in 0..<count {
            switch generator.below(12) {
            case 0, 1:
                guard let producer = open.randomElement(using: &generator) else { continue }
                if generator.oneIn(2) { producer.bump() }
                try topic.end(producer, generator.oneIn(2) ? .commit : .abort, at: tick())
                open.removeAll { $0 === producer }
            case 2:
                // A marker of a transaction without a record here.
                let idle = producers.filter { one in
                    one.isTransactional && !open.contains { $0 === one }
                }
                guard generator.oneIn(6), let producer = idle.randomElement(using: &generator)
                else { continue }
                try topic.end(producer, generator.oneIn(2) ? .commit : .abort, at: tick())
            case 3 where generator.oneIn(4):
                try topic.roll()
            default:
                let producer = generator.oneIn(3) ? nil : producers[generator.below(6)]
                if let producer, producer.isTransactional,
                    !open.contains(where: { $0 === producer })
                {
                    guard open.count < 3 else { continue }
                    open.append(producer)
                }
                try append(to: &topic, from: producer)
            }
        }
        // Else one that stays open would hold back all cleaning.
        if generator.oneIn(2) {
            for producer in open { try topic.end(producer, .commit, at: tick()) }
            open = []
        }
    }

    private mutating func append(
        to topic: inout CompactedTopic,
        from producer: KeyedProducer?
    ) throws {
        let pairs = (0...generator.below(4)).map { _ -> (String?, String?) in
            value += 1
            let key = generator.oneIn(30) ? nil : "key \(generator.below(12))"
            return (key, generator.oneIn(5) ? nil : "value \(value)")
        }
        let codec = generator.oneIn(4) ? CompressionCodec.allCases[generator.below(5)] : .none
        try topic.append(pairs, from: producer, codec: codec, at: tick())
    }
}

extension CleaningStatistics {
    fileprivate mutating func add(_ other: CleaningStatistics) {
        supersededCount += other.supersededCount
        expiredTombstoneCount += other.expiredTombstoneCount
        keylessCount += other.keylessCount
        abortedRecordCount += other.abortedRecordCount
        removedMarkerCount += other.removedMarkerCount
    }
}
