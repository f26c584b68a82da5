import LogModel
import MillraceTestKit
import Streams
import Testing

/// A record that is to be tried again is as if it had not come: its time and what was counted go
/// back with it.
@Suite struct TriedAgainTests {
    private struct Ticking: StreamJob {
        static let name = "ticking"
        var fuse = Fuse()
        var hasTwoInputs = false
        var topology: [Statement] {
            let fuse = fuse
            let first = stream(Failing.a)
            let all = hasTwoInputs ? first.merge(stream(Failing.b)) : first
            all.mapValues { (value: String) throws -> String in
                if value == "r2" { try fuse.burn() }
                return value
            }
            .onError(.fail(after: Failing.retry))
            .process { (_: TaskStores) -> Failing.Scripted in
                Failing.Scripted(
                    begin: { $0.schedule("tick", every: .milliseconds(10), by: .streamTime) },
                    tick: { try $2.forward($0, "\(Failing.milliseconds($1))") }
                )
            }
            .to(Failing.out)
        }
    }

    @Test(arguments: [false, true])
    func `a restart while a record waits loses no firing of its time`(crashes: Bool) throws {
        let engine = try TestEngine(Ticking(fuse: Fuse(1)), partitions: 1)
        try engine.send("r1", key: "k", to: Failing.a, at: Failing.time(5))
        try engine.send("r2", key: "k", to: Failing.a, at: Failing.time(100))
        try engine.process()
        try engine.commit()
        if crashes { try engine.crash() }
        try engine.advance(by: .milliseconds(60))
        try engine.run()
        let results = try engine.read(Failing.out).map { "\($0.key)=\($0.value)" }
        #expect(results == ["k=r1", "tick=5", "k=r2", "tick=100"])
    }

    @Test func `a timer does not fire by the time of a record that waits`() throws {
        let job = Ticking(fuse: Fuse(1), hasTwoInputs: true)
        let engine = try TestEngine(job, partitions: 1)
        try engine.send("r1", key: "k", to: Failing.a, at: Failing.time(5))
        try engine.send("r2", key: "k", to: Failing.a, at: Failing.time(100))
        try engine.run()
        try engine.send("other", key: "k", to: Failing.b, at: Failing.time(6))
        try engine.run()
        try engine.advance(by: .milliseconds(60))
        let results = try engine.read(Failing.out).map { "\($0.key)=\($0.value)" }
        #expect(results == ["k=r1", "tick=5", "k=other", "k=r2", "tick=100"])
    }

    private struct Stamped: StreamJob {
        static let name = "stamped"
        var fuse = Fuse()
        var topology: [Statement] {
            let fuse = fuse
            stream(
                Failing.a,
                timestamps: .custom { (_: String, _: String, times: RecordTimes) -> Timestamp in
                    times.partition == .none
                        ? times.record : times.partition.advanced(byMilliseconds: 7)
                }
            )
            .mapValues { (value: String) throws -> String in
                if value == "r2" { try fuse.burn() }
                return value
            }
            .onError(.fail(after: Failing.retry))
            .to(Failing.out)
        }
    }

    @Test(arguments: [0, 1, 2])
    func `an extractor gets the same time of the partition at every try`(failures: Int) throws {
        let engine = try TestEngine(Stamped(fuse: Fuse(failures)), partitions: 1)
        for value in ["r1", "r2"] {
            try engine.send(value, key: "k", to: Failing.a, at: Failing.time(0))
        }
        for _ in 0..<3 { try engine.advance(by: .milliseconds(60)) }
        let results = try engine.readRecords(Failing.out)
        #expect(results.map { Failing.milliseconds($0.timestamp) } == [0, 7])
    }

    private struct Dropping: StreamJob {
        static let name = "dropping"
        static let input = Topic("a", key: .utf8, value: OptionalSerde(UTF8Serde()))
        var fuse = Fuse()
        var topology: [Statement] {
            let fuse = fuse
            let values = stream(Self.input)
            values.groupByKey(key: .utf8).count(store: "n").to(Failing.counts)
            values.foreach { (_: String, _: String?) throws in throw Failing.Boom() }
                .onError(.skip)
            values.foreach { (_: String, _: String?) throws in try fuse.burn() }
                .onError(.fail(after: Failing.retry))
        }
    }

    @Test(arguments: [0, 2])
    func `what a record leaves out is counted once, however often it is tried`(
        failures: Int
    ) throws {
        let engine = try TestEngine(Dropping(fuse: Fuse(failures)), partitions: 1)
        try engine.send(nil, key: "k", to: Dropping.input, at: Failing.time(1))
        for _ in 0..<3 { try engine.advance(by: .milliseconds(60)) }
        #expect(engine.droppedCount(.nullValue) == 1)
        #expect(engine.skippedCount == 1)
    }
}
