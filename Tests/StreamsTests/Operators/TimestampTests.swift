import LogModel
import MillraceTestKit
import Streams
import Testing

@testable import StreamsRuntime

/// Timestamp extractors beside the vectors: bounds, order among inputs, what a restart knows.
@Suite struct TimestampTests {
    private enum Topics {
        static let left = Topic("left", key: .utf8, value: .int64)
        static let right = Topic("right", key: .utf8, value: .int64)
        static let out = Topic("out", key: .utf8, value: .int64)
    }

    private struct Bounded: StreamJob {
        static let name = "bounded"
        var policy = FutureTimestamps.drop
        var topology: [Statement] {
            stream(
                Topics.left,
                timestamps: .value { value in Timestamp(value) }
                    .bounded(ahead: .milliseconds(50), policy)
            ).to(Topics.out)
        }
    }

    @Test(arguments: [FutureTimestamps.drop, .clamp])
    func `a time too far ahead of the clock is dropped and counted, or the latest allowed`(
        policy: FutureTimestamps
    ) throws {
        let driver = try TopologyDriver(
            inputs: [("left", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Bounded(policy: policy)) }
        let now = driver.time.wallTime().rawValue
        for value in [now + 50, now + 51, .max, now - 1, .min] {
            let bytes = withUnsafeBytes(of: value.bigEndian) { Array($0) }
            try driver.send(topic: "left", key: [97], value: bytes, timestamp: Timestamp(0))
        }
        try driver.runUntilIdle()
        let times = try driver.read("out").map { $0.timestamp.rawValue - now }
        #expect(times == (policy == .drop ? [50, -1] : [50, 50, 50, -1]))
        #expect(driver.counters.recordsDropped == (policy == .drop ? 3 : 1))
    }

    private struct Merged: StreamJob {
        static let name = "merged"
        var topology: [Statement] {
            stream(Topics.left, timestamp: { value in Timestamp(value) })
                .merge(stream(Topics.right)).to(Topics.out)
        }
    }

    @Test func `inputs are taken in the order of the times that are extracted`() throws {
        let engine = try TestEngine(Merged(), partitions: 1)
        for value: Int64 in [10, 30, 50] {
            try engine.send(value, key: "l", to: Topics.left, at: .seconds(9))
        }
        for value: Int64 in [20, 40] {
            try engine.send(value, key: "r", to: Topics.right, at: .milliseconds(value))
        }
        try engine.run()
        #expect(try engine.read(Topics.out).map(\.value) == [10, 20, 30, 40, 50])
    }

    private struct Rows: StreamJob {
        static let name = "rows"
        var topology: [Statement] {
            table(
                Topics.left,
                store: "rows",
                timestamps: .custom { _, value, times in
                    value.map { Timestamp($0) } ?? times.partition
                }
            ).to(Topics.out)
        }
    }

    @Test func `a table has the times of its extractor, and a restart knows the largest`() throws {
        let driver = try TopologyDriver(
            inputs: [("left", 1)],
            configuration: StreamsConfiguration(),
            seed: 1
        ) { try Topology(of: Rows()) }
        func send(_ key: [UInt8]?, _ value: UInt8?) throws {
            try driver.send(
                topic: "left",
                key: key,
                value: value.map { [0, 0, 0, 0, 0, 0, 0, $0] },
                timestamp: Timestamp(9_999)
            )
            try driver.runUntilIdle()
        }
        try send([97], 70)
        try send([97], 7)
        try send(nil, 90)
        try driver.crash()
        try send([97], nil)
        let found = try driver.read("out")
        #expect(found.map(\.timestamp.rawValue) == [70, 7, 70])
        #expect(driver.counters.recordsDropped == 0)
    }

    @Test func `the time that is committed with an offset is Kafka Streams' text, or none`() {
        #expect(PartitionTime.encode(Timestamp(0)) == "AQAAAAAAAAAA")
        #expect(PartitionTime.encode(.none) == "")
        for time: Int64 in [0, 1, 1_767_225_600_000, .max] {
            #expect(PartitionTime.decode(PartitionTime.encode(Timestamp(time))).rawValue == time)
        }
        for text in ["", "x", "AgAAAAAAAAAA", "AQAAAAAAAAA=", "AYAAAAAAAAAA", "ÄQAAAAAAAAA"] {
            #expect(PartitionTime.decode(text) == .none)
        }
    }
}
