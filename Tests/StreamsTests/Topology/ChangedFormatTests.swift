import Broker
import LogModel
import LogStorage
import MillraceTestKit
import Streams
import Testing

@testable import StreamsRuntime

/// A job that was changed in what its stores and repartition topics hold, over the topics that it
/// made before.
@Suite struct ChangedFormatTests {
    private let driver: TopologyDriver
    private let job: CurrentJob

    /// The job as its author has it now.
    private final class CurrentJob {
        var form: ChangedJob.Form
        init(_ form: ChangedJob.Form) { self.form = form }
    }

    init() throws {
        let job = CurrentJob(.counts)
        self.job = job
        driver = try TopologyDriver(
            inputs: [("in", 1), ("other", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: ChangedJob(form: job.form)) }
    }

    private func send(_ key: String, _ value: String) throws {
        try driver.send(
            topic: "in",
            key: Array(key.utf8),
            value: Array(value.utf8),
            timestamp: driver.time.wallTime()
        )
    }

    /// Starts the job in another form; returns why it does not start.
    private func start(_ form: ChangedJob.Form) throws -> String? {
        job.form = form
        do {
            try driver.kill()
            return nil
        } catch let error as StreamsError where error.code == .topology { return error.message }
    }

    private var topics: [String: [String: String]] {
        Dictionary(uniqueKeysWithValues: driver.broker.topics().map { ($0.name, $0.options) })
    }

    struct Change: Sendable, CustomTestStringConvertible {
        let old: ChangedJob.Form
        let new: ChangedJob.Form
        let words: String
        var testDescription: String { "\(old) to \(new)" }
    }

    @Test(arguments: [
        Change(old: .counts, new: .sums, words: "its values were int64 and are now double"),
        Change(old: .sums, new: .table, words: "its values were double and are now utf8"),
        Change(old: .counts, new: .intKeys, words: "its keys were utf8 and are now int64"),
        Change(old: .table, new: .history, words: "entries were key-value and are now versioned"),
        Change(old: .minutes, new: .hours, words: "windows were 60000 ms long"),
        Change(old: .minutes, new: .counts, words: "entries were window and are now key-value"),
        Change(
            old: .sessions,
            new: .sliding,
            words: "entries were session by start and are now sliding"
        ),
        Change(old: .distinct, new: .distinctForAWhile, words: "are now expiring"),
        Change(old: .counts, new: .fleeting, words: "are now expiring-row"),
        Change(old: .fleeting, new: .counts, words: "were expiring-row and are now key-value"),
        Change(old: .memory, new: .memorySums, words: "its values were utf8 and are now double"),
        Change(old: .leftJoin, new: .leftJoinOfInts, words: "its values were utf8"),
        Change(
            old: .leftJoin,
            new: .wideLeftJoin,
            words: "its windows were 120000 ms long and are now 240000 ms long"
        ),
        Change(old: .wideLeftJoin, new: .leftJoin, words: "are now 120000 ms long"),
    ])
    func `a store of another format is refused before anything is written`(change: Change) throws {
        #expect(try start(change.old) == nil)
        try send("a", "x")
        try driver.runUntilIdle()
        let before = topics
        let refusal = try start(change.new)
        #expect(refusal?.contains(change.words) == true, "\(refusal ?? "it starts")")
        #expect(refusal?.contains("\"s") == true && refusal?.contains("--reset") == true)
        #expect(topics == before)
        // The job as it was goes on.
        #expect(try start(change.old) == nil)
        try send("b", "y")
        try driver.runUntilIdle()
        #expect(
            try driver.read("changer-s\(change.old.isJoin ? "-left" : "")-changelog").count
                >= 2
        )
    }

    @Test(arguments: [
        Change(old: .memory, new: .unordered, words: ""),
        Change(old: .unordered, new: .memory, words: ""),
        Change(old: .sessions, new: .longerSessions, words: ""),
        Change(old: .fleeting, new: .longerFleeting, words: ""),
        Change(old: .longerFleeting, new: .fleeting, words: ""),
        Change(old: .counts, new: .none, words: ""),
    ])
    func `what changes no bytes is taken`(change: Change) throws {
        #expect(try start(change.old) == nil)
        try send("a", "x")
        try driver.runUntilIdle()
        #expect(try start(change.new) == nil)
        try send("a", "y")
        try driver.runUntilIdle()
    }

    @Test func `a store that never held anything takes another format`() throws {
        #expect(try start(.counts) == nil)
        #expect(try start(.sums) == nil)
        try send("a", "four")
        try driver.runUntilIdle()
        let format = RecordFormat("keyValue", .utf8, .double).word
        #expect(topics["changer-s-changelog"]?["millrace.format"] == format)
        #expect(topics["changer-s-changelog"]?["millrace.owner"] == "changer/s")
        #expect(try start(.counts)?.contains("double") == true)
    }

    @Test func `topics from before the words are taken as they are and get them`() throws {
        #expect(try start(.counts) == nil)
        try send("a", "x")
        try driver.runUntilIdle()
        try driver.broker.alterTopic(
            "changer-s-changelog",
            options: ["millrace.format": nil, "millrace.owner": nil]
        )
        #expect(try start(.counts) == nil)
        #expect(topics["changer-s-changelog"]?["millrace.owner"] == "changer/s")
        // Taken back, the word says that the bytes may be read in another way.
        try driver.broker.alterTopic("changer-s-changelog", options: ["millrace.format": nil])
        #expect(try start(.sums) == nil)
        #expect(try start(.counts)?.contains("double") == true)
    }

    @Test func `joins from before their width was noted are taken as they are and get it`() throws {
        #expect(try start(.leftJoin) == nil)
        try send("a", "x")
        try driver.runUntilIdle()
        for side in ["left", "right"] {
            let topic = "changer-s-\(side)-changelog"
            #expect(
                topics[topic]?["millrace.format"] == "joined%20by%20span;utf8;utf8;120000"
            )
            let old = "joined%20by%20span;utf8;utf8"
            try driver.broker.alterTopic(topic, options: ["millrace.format": old])
        }
        #expect(try start(.leftJoin) == nil)
        for side in ["left", "right"] {
            #expect(
                topics["changer-s-\(side)-changelog"]?["millrace.format"]
                    == "joined%20by%20span;utf8;utf8;120000"
            )
        }
        #expect(try start(.wideLeftJoin)?.contains("s-left") == true)
        // What differs beside the width is refused as ever, and is all that is told.
        try driver.broker.alterTopic(
            "changer-s-left-changelog",
            options: ["millrace.format": "joined%20by%20span;utf8;double"]
        )
        let refusal = try start(.leftJoin)
        #expect(refusal?.contains("its values were double and are now utf8.") == true)
    }

    @Test func `records in a repartition topic keep its format until they are processed`() throws {
        #expect(try start(.byKey) == nil)
        try send("a", "x")
        // They lie in the topic, and nobody has read them.
        while try driver.broker.bounds(of: Self.repartition).highWatermark == .zero {
            _ = try driver.step()
            try driver.commit()
        }
        let refusal = try start(.byKeyOfInts)
        #expect(refusal?.contains("the repartition \"p\"") == true, "\(refusal ?? "it starts")")
        #expect(refusal?.contains("its values were utf8 and are now int64") == true)
        #expect(try start(.byKey) == nil)
        try driver.runUntilIdle()
        #expect(try start(.byKeyOfInts) == nil)
        try send("a", "four")
        try driver.runUntilIdle()
        #expect(try driver.read("out2").map(\.value) == [[0, 0, 0, 0, 0, 0, 0, 4]])
    }

    private static let repartition = TopicPartition("changer-p-repartition", PartitionIndex(0))

    @Test func `two jobs whose names make one topic are told apart`() throws {
        #expect(try start(.counts) == nil)
        let name = TopicLabel(
            job: "changer-x",
            purpose: .store,
            name: "s",
            format: RecordFormat("keyValue", .utf8, .int64)
        )
        // The other job is `changer` with a store `s`, as ours, under a name of other parts.
        try driver.broker.alterTopic(
            "changer-s-changelog",
            options: name.options.mapValues { Optional($0) }
        )
        let before = topics
        let refusal = try start(.counts)
        #expect(refusal?.contains("changer-x/s") == true)
        #expect(topics == before)
    }
}

/// A job that its author changes.
struct ChangedJob: StreamJob {
    enum Form: String, Sendable {
        case counts, sums, intKeys, table, history, minutes, hours, sessions, longerSessions
        case sliding, distinct, distinctForAWhile, memory, memorySums, unordered, leftJoin
        case wideLeftJoin, leftJoinOfInts, byKey, byKeyOfInts, none, fleeting, longerFleeting

        var isJoin: Bool { self == .leftJoin || self == .wideLeftJoin }
    }

    static let name = "changer"
    var form = Form.counts

    private typealias Scripted = ProcessorTests.Scripted
    private static let out = Topic("out", key: .utf8, value: .utf8)
    private static let texts = Store.keyValue("s", key: .utf8, value: .utf8)
    private static let numbers = Store.keyValue("s", key: .utf8, value: .double)
    private static let plain = Store.keyValue("s", key: .utf8, value: .utf8, isOrdered: false)

    var topology: [Statement] {
        switch form {
        case .leftJoin, .wideLeftJoin, .leftJoinOfInts, .byKey, .byKeyOfInts, .none, .intKeys:
            streams
        case .memory, .memorySums, .unordered: processors
        case .minutes, .hours, .sessions, .longerSessions, .sliding: windows
        case .counts, .sums, .table, .history, .distinct, .distinctForAWhile: stores
        case .fleeting, .longerFleeting: fleeting
        }
    }

    private var input: Streams.Stream<String, String> {
        stream(Topic("in", key: .utf8, value: .utf8))
    }

    @TopologyBuilder private var stores: [Statement] {
        let grouped = input.groupByKey()
        let rows = input.mapValues { (value: String) -> String? in value }
        if form == .counts { grouped.count(store: "s") }
        if form == .sums {
            grouped.aggregate(store: "s", initial: 0.0, value: .double) {
                (sum: inout Double, value: String) in sum += Double(value.count)
            }
        }
        if form == .table { rows.toTable(store: "s", key: .utf8, value: .utf8) }
        if form == .history {
            rows.toTable(store: "s", key: .utf8, value: .utf8, history: .seconds(60))
        }
        if form == .distinct { input.distinct(store: "s").to(Self.out) }
        if form == .distinctForAWhile {
            input.distinct(within: .seconds(60), store: "s").to(Self.out)
        }
    }

    @TopologyBuilder private var fleeting: [Statement] {
        let life = Expiry.after(form == .fleeting ? .seconds(60) : .seconds(90))
        input.groupByKey().count(store: "s", expiry: life)
    }

    @TopologyBuilder private var windows: [Statement] {
        let grouped = input.groupByKey()
        if form == .minutes { grouped.windowed(by: .tumbling(.seconds(60))).count(store: "s") }
        if form == .hours { grouped.windowed(by: .tumbling(.seconds(3600))).count(store: "s") }
        if form == .sessions { grouped.windowed(by: .session(gap: .seconds(60))).count(store: "s") }
        if form == .longerSessions {
            grouped.windowed(by: .session(gap: .seconds(90))).count(store: "s")
        }
        if form == .sliding { grouped.windowed(by: .sliding(.seconds(60))).count(store: "s") }
    }

    @TopologyBuilder private var processors: [Statement] {
        if form == .memory { keeping(Self.texts.inMemory) { key, _ in key } }
        if form == .unordered { keeping(Self.plain) { key, _ in key } }
        if form == .memorySums {
            keeping(Self.numbers.inMemory) { _, value in Double(value.count) }
        }
    }

    private func keeping<ValueSerde: Serde>(
        _ store: Store<KeyValueStore<UTF8Serde, ValueSerde>>,
        _ value: @escaping @Sendable (String, String) -> ValueSerde.Value
    ) -> Statement {
        input.process(stores: [store]) { stores -> Scripted in
            let opened = try stores.open(store)
            return Scripted(step: { key, text, _ in try opened.put(key, value(key, text)) })
        }.to(Self.out)
    }

    @TopologyBuilder private var streams: [Statement] {
        let other = stream(Topic("other", key: .utf8, value: .utf8))
        let lengths = { @Sendable (value: String) -> Int64 in Int64(value.count) }
        if form == .intKeys {
            input.selectKey(lengths).repartition("p").groupByKey().count(store: "s")
        }
        if form.isJoin {
            input.leftJoin(
                other,
                within: .within(.seconds(form == .leftJoin ? 60 : 120)),
                store: "s",
                key: .utf8,
                left: .utf8,
                right: .utf8
            ) { left, right in left + (right ?? "") }.to(Self.out)
        }
        if form == .leftJoinOfInts {
            input.mapValues(lengths).leftJoin(
                other,
                within: .within(.seconds(60)),
                store: "s",
                key: .utf8,
                left: .int64,
                right: .utf8
            ) { left, right in "\(left)" + (right ?? "") }.to(Self.out)
        }
        if form == .byKey { input.repartition("p").to(Self.out) }
        if form == .byKeyOfInts {
            input.mapValues(lengths).repartition("p").to(Topic("out2", key: .utf8, value: .int64))
        }
        if form == .none { input.to(Self.out) }
    }
}
