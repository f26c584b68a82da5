import Broker
import EmbeddedClient
import Foundation
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import RocksStore
import StateStores
import Streams
import StreamsRuntime
import Testing

/// What a topic's options refuse is an error of the record that a job writes there, or no error at
/// all where only a batch was too large.
@Suite struct TopicRulesTests {
    private struct Copy: StreamJob {
        static let name = "copy"
        var errorPolicies = ErrorPolicies()
        var topology: [Statement] {
            stream(Topic("lines", key: .utf8, value: .utf8))
                .to(Topic("out", key: .utf8, value: .utf8))
        }
    }

    private struct Count: StreamJob {
        static let name = "count"
        var topology: [Statement] {
            stream(Topic("lines", key: .utf8, value: .utf8))
                .groupBy({ $0 }, via: "by-line", key: .utf8)
                .count(store: "counts")
                .to(Topic("out", key: .utf8, value: .int64))
        }
    }

    private func driver(
        _ job: some StreamJob,
        out options: [String: String?] = [:]
    ) throws -> TopologyDriver {
        let driver = try TopologyDriver(
            inputs: [("lines", 1), ("out", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: job) }
        try driver.broker.alterTopic("out", options: options)
        try driver.restartCleanly()
        return driver
    }

    private func send(_ key: String?, _ value: String, _ driver: TopologyDriver) throws {
        try driver.send(
            topic: "lines",
            key: key.map { Array($0.utf8) },
            value: Array(value.utf8),
            timestamp: driver.time.wallTime()
        )
    }

    @Test func `small records reach a topic whose batches are smaller than the engine's`() throws {
        let driver = try driver(Copy(), out: ["max.message.bytes": "3000"])
        for number in 0..<400 {
            try send("k", "\(number) " + String(repeating: "x", count: 100), driver)
        }
        try driver.runUntilIdle()
        #expect(try driver.read("out").count == 400)
    }

    @Test func `a record that is too large for its topic is the sink's error`() throws {
        let job = Copy(errorPolicies: ErrorPolicies(produce: .deadLetter))
        let driver = try driver(job, out: ["max.message.bytes": "3000"])
        for size in [10, 2_800, 3_000, 20] {
            try send("k", String(repeating: "x", count: size), driver)
        }
        try driver.runUntilIdle()
        #expect(try driver.read("out").map { $0.value?.count } == [10, 2_800, 20])
        let letters = try driver.read("copy-dead-letters")
        #expect(letters.map { $0.value?.count } == [3_000])
        let failing = try self.driver(Copy(), out: ["max.message.bytes": "3000"])
        try send("k", String(repeating: "x", count: 3_000), failing)
        let error = #expect(throws: StreamsError.self) { try failing.runUntilIdle() }
        #expect(error?.message.contains("max.message.bytes=3000 of the topic 'out'") == true)
        #expect(error?.message.contains("topic lines, partition 0, offset 0") == true)
        let next = #/millrace topic alter out --config max.message.bytes=\d+ --data DIR raises it/#
        #expect(error?.message.contains(next) == true, "\(error?.message ?? "")")
    }

    @Test func `a record without a key is refused by a compacted topic`() throws {
        struct Keyless: StreamJob {
            static let name = "keyless"
            var errorPolicies = ErrorPolicies()
            var topology: [Statement] {
                stream(Topic("lines", value: .utf8)).to(Topic("out", value: .utf8))
            }
        }
        let options = ["cleanup.policy": "compact"]
        let job = Keyless(errorPolicies: ErrorPolicies(produce: .deadLetter))
        let driver = try driver(job, out: options)
        try send(nil, "no key", driver)
        try driver.runUntilIdle()
        #expect(try driver.read("out").isEmpty)
        #expect(try driver.read("keyless-dead-letters").count == 1)
        let failing = try self.driver(Keyless(), out: options)
        try send(nil, "no key", failing)
        let error = #expect(throws: StreamsError.self) { try failing.runUntilIdle() }
        #expect(error?.message.contains("takes no record without a key") == true)
    }

    @Test func `a dead letter has as much of its record as its topic takes`() throws {
        let job = Copy(errorPolicies: ErrorPolicies(produce: .deadLetter(topic: "letters")))
        let driver = try TopologyDriver(
            inputs: [("lines", 1), ("out", 1), ("letters", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: job) }
        try driver.broker.alterTopic("out", options: ["max.message.bytes": "1000"])
        try driver.broker.alterTopic("letters", options: ["max.message.bytes": "2000"])
        try driver.restartCleanly()
        try send("k", String(repeating: "x", count: 5_000), driver)
        try send(String(repeating: "k", count: 3_000), String(repeating: "x", count: 50), driver)
        try driver.runUntilIdle()
        let letters = try driver.read("letters")
        #expect(letters.map { $0.value?.count } == [nil, nil])
        #expect(letters.map { $0.key?.count } == [1, nil])
        let leftOut = letters.map { letter in
            letter.headers.first { $0.name == DeadLetterHeader.leftOut }
                .map { String(decoding: $0.value ?? [], as: UTF8.self) }
        }
        #expect(leftOut == ["value", "value,headers,key"])
    }

    @Test(arguments: [ErrorPolicy.skip, .deadLetter(topic: "letters")])
    func `a refused dead letter stops the job, whatever the policies before it`(
        decode: ErrorPolicy
    ) throws {
        struct Keyless: StreamJob {
            static let name = "keyless"
            var errorPolicies = ErrorPolicies()
            var topology: [Statement] {
                stream(Topic("lines", value: .utf8))
                    .mapValues { line -> String in line }
                    .to(Topic("out", value: .utf8))
            }
        }
        let job = Keyless(
            errorPolicies: ErrorPolicies(
                decode: decode,
                process: .skip,
                produce: .deadLetter(topic: "letters")
            )
        )
        let driver = try TopologyDriver(
            inputs: [("lines", 1), ("out", 1), ("letters", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: job) }
        for topic in ["out", "letters"] {
            try driver.broker.alterTopic(topic, options: ["cleanup.policy": "compact"])
        }
        try driver.restartCleanly()
        try send(nil, "no key", driver)
        let error = #expect(throws: StreamsError.self) { try driver.runUntilIdle() }
        #expect(error?.message.contains("'letters'") == true, "\(error?.message ?? "")")
        #expect(driver.counters.recordsSkipped == 0)
    }

    @Test func `a changelog that takes no more stops the job, whatever the policy`() throws {
        struct Large: StreamJob {
            static let name = "large"
            var errorPolicies: ErrorPolicies { ErrorPolicies(process: .skip, produce: .skip) }
            var topology: [Statement] {
                stream(Topic("lines", key: .utf8, value: .utf8))
                    .groupByKey()
                    .reduce(store: "lines", value: .utf8) { (_: String, new: String) in new }
                    .to(Topic("out", key: .utf8, value: .utf8))
            }
        }
        let driver = try driver(Large())
        try driver.broker.alterTopic(
            "large-lines-changelog",
            options: ["max.message.bytes": "1000"]
        )
        try driver.restartCleanly()
        try send("k", "small", driver)
        try send("k", String(repeating: "x", count: 1_000), driver)
        let error = #expect(throws: StreamsError.self) { try driver.runUntilIdle() }
        #expect(error?.message.contains("'large-lines-changelog'") == true)
    }

    @Test func `a run that is shorter than the purge's interval purges at its end`() throws {
        let driver = try driver(Count())
        for round in 0..<3 {
            for number in 0..<10 { try send("k", "\(round) \(number)", driver) }
            try driver.runUntilIdle()
            try driver.restartCleanly()
            let name = TopicPartition("count-by-line-repartition", PartitionIndex(0))
            let bounds = try driver.broker.bounds(of: name)
            #expect(bounds.logStart >= Offset(Int64(10 * (round + 1))))
        }
        #expect(try driver.read("out").count == 30)
    }

    @Test func `a global table and a store that is called alike have folders of their own`() throws
    {
        struct Alike: StreamJob {
            static let name = "alike"
            var topology: [Statement] {
                let rates = globalTable(Topic("rates", key: .utf8, value: .utf8), store: "x")
                stream(Topic("lines", key: .utf8, value: .utf8))
                    .leftJoin(rates, key: { (_: String, line: String) -> String? in line }) {
                        (line: String, _: String?) -> String in line
                    }
                    .groupBy({ $0 }, via: "by-line", key: .utf8, value: .utf8)
                    .count(store: "x-global")
                    .to(Topic("out", key: .utf8, value: .int64))
            }
        }
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-alike-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let time = ManualTimeSource()
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.internalPartitionCount = 1
        configuration.journal = .small
        let broker = try Broker.open(
            disk: SimulatedDisk(),
            directory: "/data",
            configuration: configuration,
            time: time
        )
        for name in ["lines", "rates"] { try broker.createTopic(name, partitionCount: 1) }
        let application = try StreamsApplication(
            topology: Topology(of: Alike()),
            client: EmbeddedClient(broker: broker),
            engines: RocksStoreFactory(directory: folder),
            configuration: StreamsConfiguration(),
            time: time,
            pause: { _ in }
        )
        try application.start()
        try application.close()
    }

    @Test func `a repartition that is renamed before it is drained is refused`() throws {
        struct Via: StreamJob {
            static let name = "count"
            var via = "by-a"
            var topology: [Statement] {
                stream(Topic("lines", key: .utf8, value: .utf8))
                    .groupBy({ $0 }, via: via, key: .utf8)
                    .count(store: "counts")
                    .to(Topic("out", key: .utf8, value: .int64))
            }
        }
        let disk = SimulatedDisk()
        let stores = SimulatedStores()
        let time = ManualTimeSource()
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.internalPartitionCount = 1
        configuration.journal = .small
        let broker = try Broker.open(
            disk: disk,
            directory: "/data",
            configuration: configuration,
            time: time
        )
        try broker.createTopic("lines", partitionCount: 1)
        func application(_ via: String) throws -> StreamsApplication {
            var streams = StreamsConfiguration()
            streams.checkpointsInline = true
            return try StreamsApplication(
                topology: Topology(of: Via(via: via)),
                client: EmbeddedClient(broker: broker),
                engines: stores,
                configuration: streams,
                time: time,
                pause: { _ in }
            )
        }
        let producer = try EmbeddedProducer(broker: broker)
        var batch = RecordBatchBuilder()
        "a".utf8.withContiguousStorageIfAvailable {
            let bytes = UnsafeRawBufferPointer($0)
            batch.append(timestamp: time.wallTime(), key: bytes, value: bytes)
        }
        try producer.append(&batch, to: TopicPartition("lines", PartitionIndex(0)))
        try producer.flush()
        // One step reads the line, and a stop comes before its other half is read.
        let first = try application("by-a")
        try first.start()
        _ = try first.step()
        try first.commit()
        try first.close()
        let name = TopicPartition("count-by-a-repartition", PartitionIndex(0))
        try #require(try broker.bounds(of: name).logEnd > broker.bounds(of: name).logStart)
        let error = #expect(throws: StreamsError.self) { try application("by-b") }
        #expect(error?.message.contains("count-by-a-repartition holds records") == true)
        let again = try application("by-a")
        try again.start()
        while try again.step() {}
        try again.commit()
        try again.close()
        _ = try application("by-b")
    }

    @Test func `a changelog that was made beforehand gets what a changelog needs`() throws {
        let driver = try TopologyDriver(
            inputs: [
                ("lines", 1), ("out", 1), ("count-counts-changelog", 1),
                ("count-by-line-repartition", 1),
            ],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Count()) }
        func options(_ topic: String) throws -> [String: String] {
            try #require(driver.broker.topic(topic)).options
        }
        #expect(try options("count-counts-changelog")["cleanup.policy"] == "compact")
        #expect(try options("count-by-line-repartition")["retention.ms"] == "-1")
    }
}
