import DirectoryAccess
import Foundation
import LogClient
import LogModel
import MillraceTestKit
import Terminal
import Testing

@testable import ClientCommands

/// When `consume` asks, and when it ends, over a log whose answers a test decides.
@Suite struct ConsumerTests {
    /// The records of partitions, and what was fetched of them ahead.
    private final class ScriptedSource: RecordSource {
        struct Exhausted: Error {}

        let place = LogPlace.directory("d")
        let time = ManualTimeSource()
        /// Each record a batch, at the time it has.
        var records: [TopicPartition: [(time: Timestamp, value: String)]] = [:]
        var committed: [TopicPartition: Offset] = [:]
        /// How many of the next fetches bring nothing.
        var silentCount = 0
        /// What happens while more is waited for, one step a call; the last one is repeated.
        var steps: [(ScriptedSource) -> Void] = []
        /// Topics that were deleted while they were read, as this reader does not know yet.
        var gone: Set<String> = []
        /// Partitions that nobody leads.
        var leaderless: Set<TopicPartition> = []
        private var fetchedAhead: [TopicPartition: Int] = [:]
        private var waitCount = 0
        var isDeletedAfterFetch = false

        /// The fetches of a waiting reader are answered now, with what there is.
        func fetchAhead() { fetchedAhead = records.mapValues(\.count) }

        func forgetFetched() { fetchedAhead = [:] }

        func goneTopics(among topics: Set<String>) -> Set<String> { gone.intersection(topics) }

        func forget(topic: String) { gone.remove(topic) }

        func topicNames() -> [String] { Set(records.keys.map(\.topic)).sorted() }

        func partitions(of topic: String) -> [TopicPartition] {
            records.keys.filter { $0.topic == topic }.sorted()
        }

        func readable(_ partitions: [TopicPartition]) -> [TopicPartition] { partitions }

        func bounds(of partition: TopicPartition) -> PartitionBounds {
            let end = Offset(Int64(records[partition]?.count ?? 0))
            return PartitionBounds(logStart: .zero, highWatermark: end, lastStableOffset: end)
        }

        func offset(
            at time: Timestamp,
            in partition: TopicPartition,
            isolation: IsolationLevel
        ) -> Offset? { nil }

        func requireReadable(group: String) {}

        func committedOffsets(
            group: String,
            partitions: [TopicPartition]
        ) -> [TopicPartition: Offset] { committed.filter { partitions.contains($0.key) } }

        func commitOffsets(group: String, _ offsets: [TopicPartition: Offset]) {
            committed.merge(offsets) { $1 }
        }

        func refuseDamage(of partition: TopicPartition, at offset: Offset) {}

        func fetch(
            _ partition: TopicPartition,
            from offset: Offset,
            isolation: IsolationLevel,
            into buffer: FetchBuffer
        ) throws(FetchFailure) -> FetchResult {
            if gone.contains(partition.topic) { throw .gone(CommandFailure("it was deleted")) }
            if leaderless.contains(partition) {
                throw .leaderless(CommandFailure("nobody leads it"))
            }
            defer { if isDeletedAfterFetch { gone.insert(partition.topic) } }
            let all = records[partition] ?? []
            let count = fetchedAhead.removeValue(forKey: partition) ?? all.count
            var bytes: [UInt8] = []
            if silentCount > 0 {
                silentCount -= 1
            } else if Int(offset.rawValue) < count {
                bytes = Self.batch(all[Int(offset.rawValue)], at: offset)
            }
            buffer.reserve(bytes.count)
            buffer.bytes.copyBytes(from: bytes)
            return FetchResult(
                byteCount: bytes.count,
                abortedTransactions: [],
                bounds: bounds(of: partition)
            )
        }

        private static func batch(
            _ record: (time: Timestamp, value: String),
            at offset: Offset
        ) -> [UInt8] {
            var builder = RecordBatchBuilder(capacity: 256)
            Array(record.value.utf8).withUnsafeBytes { value in
                builder.append(timestamp: record.time, key: nil, value: value, headers: nil)
            }
            return Array(builder.seal(baseOffset: offset))
        }

        func waitForChange(
            since signal: UInt64,
            of positions: [TopicPartition: Offset],
            isolation: IsolationLevel,
            timeout: Duration
        ) throws -> UInt64 {
            waitCount += 1
            guard waitCount < 1_000 else { throw Exhausted() }
            if !steps.isEmpty { steps[min(waitCount, steps.count) - 1](self) }
            return signal
        }

        var waitingNote: String? { nil }

        func faults(
            of partitions: [TopicPartition]
        ) -> [(partition: TopicPartition, failure: CommandFailure)] { [] }
    }

    private let folder: TemporaryFolder
    private let source = ScriptedSource()
    private static let first = TopicPartition("t", PartitionIndex(0))
    private static let second = TopicPartition("t", PartitionIndex(1))

    init() throws { folder = try TemporaryFolder() }

    /// The lines that are printed.
    private func read(
        _ plan: ReadingPlan,
        of partitions: [TopicPartition],
        deletingAtEnd: Bool = false,
        chosenNow: @escaping () -> [TopicPartition] = { [] }
    ) throws -> [String] {
        let path = folder.path("output")
        try Data().write(to: URL(filePath: path))
        let file = try #require(FileHandle(forWritingAtPath: path))
        let text = RecordText(format: RecordFormat.valueLine)
        var consumer = Consumer(
            log: source,
            partitions: partitions,
            plan: plan,
            printer: RecordPrinter(
                .text(text),
                to: TextOutput(descriptor: file.fileDescriptor)
            ),
            time: source.time,
            chosenNow: chosenNow
        )
        let signals = try SignalListener.unheard()
        try consumer.begin(signals)
        source.isDeletedAfterFetch = deletingAtEnd
        try consumer.run(signals)
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            .map(String.init)
    }

    @Test func `an answer from before the time of the end does not end a partition`() throws {
        let now = source.time.wallTime()
        source.records = [Self.first: [], Self.second: []]
        source.steps = [
            { source in
                source.records[Self.first] = [(now, "first")]
                source.fetchAhead()
                source.records[Self.second] = [(now, "second")]
                source.time.advance(milliseconds: 10_000)
            }
        ]
        var plan = ReadingPlan()
        plan.stop = .time(Timestamp(now.rawValue + 5_000))
        #expect(try read(plan, of: [Self.first, Self.second]).sorted() == ["first", "second"])
    }

    @Test func `an empty answer in front of the end is asked again`() throws {
        source.records = [Self.first: [(Timestamp(1), "a"), (Timestamp(2), "b")]]
        source.silentCount = 3
        source.steps = [{ $0.time.advance(milliseconds: 200) }]
        var plan = ReadingPlan()
        plan.endsAtEnd = true
        #expect(try read(plan, of: [Self.first]) == ["a", "b"])
    }

    @Test func `a partition that stays silent in front of its end fails`() throws {
        source.records = [Self.first: [(Timestamp(1), "a"), (Timestamp(2), "b")]]
        source.silentCount = .max
        source.steps = [{ $0.time.advance(milliseconds: 200) }]
        var plan = ReadingPlan()
        plan.endsAtEnd = true
        let failure = #expect(throws: CommandFailure.self) { try read(plan, of: [Self.first]) }
        #expect(failure?.what == "t-0 is not read to its end")
        #expect(failure?.reason?.contains("from offset 0 on for 10 seconds") == true)
    }

    @Test(arguments: [nil, "g"])
    func `a partition that comes while more is waited for is read from its begin`(
        group: String?
    ) throws {
        let source = source
        source.records = [Self.first: [(Timestamp(1), "a")]]
        source.steps = [
            { $0.records[Self.second] = [(Timestamp(2), "b"), (Timestamp(3), "c")] },
            { $0.time.advance(milliseconds: 1_000) },
        ]
        var plan = ReadingPlan(start: .end)
        plan.limit = 2
        plan.group = group
        let lines = try read(plan, of: [Self.first]) { source.partitions(of: "t") }
        #expect(lines == ["b", "c"])
        if group != nil { #expect(source.committed[Self.second] == Offset(2)) }
    }

    @Test func `a group goes on where it stands in a partition that comes`() throws {
        let source = source
        source.records = [Self.first: []]
        source.committed = [Self.second: Offset(1)]
        source.steps = [
            { $0.records[Self.second] = [(Timestamp(2), "b"), (Timestamp(3), "c")] },
            { $0.time.advance(milliseconds: 1_000) },
        ]
        var plan = ReadingPlan()
        plan.limit = 1
        plan.group = "g"
        #expect(try read(plan, of: [Self.first]) { source.partitions(of: "t") } == ["c"])
    }

    // MARK: Topics that go

    private static let other = TopicPartition("u", PartitionIndex(0))

    /// The topic is made anew, with other records.
    private static func makeAnew(_ source: ScriptedSource, _ values: [String]) {
        source.gone.insert("t")
        source.records[first] = values.map { (Timestamp(2), $0) }
        source.records[second] = nil
    }

    @Test func `a topic that is made anew is not read on at the old position`() throws {
        source.records = [
            Self.first: [(Timestamp(1), "a")], Self.second: [(Timestamp(1), "b")],
            Self.other: [(Timestamp(1), "c")],
        ]
        source.silentCount = 3
        source.steps = [{ Self.makeAnew($0, ["d", "e"]) }]
        let plan = ReadingPlan(group: "g", endsAtEnd: true)
        let path = folder.path("output")
        let failure = #expect(throws: CommandFailure.self) {
            try read(plan, of: [Self.first, Self.second, Self.other])
        }
        #expect(failure?.what == "it was deleted")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "c\n")
        #expect(source.committed == [Self.other: Offset(1)])
    }

    @Test(arguments: [nil, Offset(1)])
    func `where more is waited for it is read from its begin`(kept: Offset?) throws {
        let source = source
        source.records = [Self.first: [(Timestamp(1), "a")]]
        source.committed = [Self.first: Offset(0)]
        source.steps = [
            { source in
                Self.makeAnew(source, ["d", "e"])
                // A log may keep the position, or lose it now or later.
                source.committed = kept.map { [Self.first: $0] } ?? [:]
            }
        ]
        var plan = ReadingPlan(group: "g", limit: 3)
        plan.start = .beginning
        let path = folder.path("output")
        let failure = #expect(throws: CommandFailure.self) {
            try read(plan, of: [Self.first]) { source.partitions(of: "t") }
        }
        #expect(failure?.what == "it was deleted")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "a\nd\ne\n")
        #expect(source.committed == [Self.first: Offset(2)])
    }

    @Test func `a position in a topic that was deleted just now is not noted`() throws {
        source.records = [Self.first: [(Timestamp(1), "a"), (Timestamp(1), "b")]]
        var plan = ReadingPlan(group: "g", limit: 1)
        plan.start = .beginning
        // The records are fetched, and the topic goes while they are printed.
        let lines = try read(plan, of: [Self.first], deletingAtEnd: true)
        #expect(lines == ["a"])
        #expect(source.committed.isEmpty)
    }

    @Test func `a partition that nobody leads for a moment is waited for`() throws {
        source.records = [
            Self.first: [(Timestamp(1), "a")], Self.other: [(Timestamp(1), "c")],
        ]
        source.leaderless = [Self.first]
        source.steps = [
            { $0.time.advance(milliseconds: 5_000) },
            { $0.leaderless = [] },
        ]
        var plan = ReadingPlan()
        plan.endsAtEnd = true
        #expect(try read(plan, of: [Self.first, Self.other]) == ["c", "a"])
    }

    @Test func `one that nobody leads for long is set aside`() throws {
        let source = source
        source.records = [Self.first: [(Timestamp(1), "a")], Self.other: []]
        source.leaderless = [Self.first]
        source.steps = [
            { source in
                source.time.advance(milliseconds: 8_000)
                guard source.time.monotonicNanoseconds() > 40_000_000_000 else { return }
                source.records[Self.other] = [(Timestamp(1), "c")]
            }
        ]
        let failure = #expect(throws: CommandFailure.self) {
            try read(ReadingPlan(limit: 1), of: [Self.first, Self.other])
        }
        #expect(failure?.what == "nobody leads it")
        #expect(try String(contentsOfFile: folder.path("output"), encoding: .utf8) == "c\n")
    }
}
