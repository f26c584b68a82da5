import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing

/// Keys of sessions that are as long as a store takes, and longer.
@Suite struct LongSessionKeyTests {
    private struct Sessions: StreamJob {
        static let name = "sessions"
        static let input = Topic("in", key: .utf8, value: .utf8)
        static let output = Topic("out", key: .session(.utf8), value: .int64)
        var topology: [Statement] {
            stream(Self.input)
                .groupByKey()
                .windowed(by: .session(gap: .milliseconds(10)))
                .count(store: "s", emit: .onClose)
                .onError(.skip)
                .to(Self.output)
        }
    }

    private static let start: Int64 = 1_767_225_600_000

    /// A session's entry has 11 bytes beside the key, what finds it by time 19; a key has at most
    /// 65,535.
    @Test(arguments: [65_516: true, 65_517: false, 65_524: false, 65_525: false])
    func `a key that is too long is left out, and the job goes on`(
        length: Int,
        isTaken: Bool
    ) throws {
        let driver = try TopologyDriver(
            inputs: [("in", 1)],
            configuration: StreamsConfiguration(),
            seed: 1,
            time: ManualTimeSource(wallTime: Timestamp(Self.start))
        ) { try Topology(of: Sessions()) }
        func send(_ key: [UInt8], at time: Int64) throws {
            try driver.send(
                topic: "in",
                key: key,
                value: [120],
                timestamp: Timestamp(Self.start + time)
            )
            try driver.runUntilIdle()
        }
        try send([UInt8](repeating: 97, count: length), at: 0)
        try send([98], at: 1)
        #expect(driver.counters.recordsSkipped == (isTaken ? 0 : 1))
        try driver.loseStores()
        try send([99], at: 100)
        try driver.kill()
        try send([99], at: 200)
        let keys = try driver.read("out").map { $0.key?.count ?? 0 }
        #expect(keys == (isTaken ? [length + 16] : []) + [17, 17])
    }
}
