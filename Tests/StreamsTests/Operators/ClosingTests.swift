import LogModel
import MillraceTestKit
import Streams
import Testing

/// Windows that close once: where the record fails that moves time on, where what is behind them
/// fails, and where time goes on by itself after a restart.
@Suite struct ClosingTests {
    enum Kind: String, CaseIterable, Sendable {
        case tumbling, hopping, sliding, session, cogroup
    }

    private static let input = Topic("in", key: .utf8, value: .utf8)
    private static let output = Topic("out", key: .utf8, value: .int64)
    private static let retry = Retry.fixed(.milliseconds(100), attempts: 3)

    private static func time(_ milliseconds: Int) -> Duration {
        .seconds(1_767_225_600) + .milliseconds(milliseconds)
    }

    /// Counts by windows of 10 ms; `fuse` burns at "bad", `behind` at what a window gave.
    private struct Counts: StreamJob {
        static let name = "counts"
        var kind = Kind.tumbling
        var fuse = Fuse()
        var behind = Fuse()
        var policy = ErrorPolicy.skip
        var size = Duration.milliseconds(10)
        var emission = Emission.onClose

        private var windows: Table<Windowed<String>, Int64> {
            let fuse = fuse
            let grouped = stream(input).groupByKey()
            let count = { @Sendable (count: inout Int64, value: String) throws in
                if value == "bad" { try fuse.burn() }
                count += 1
            }
            switch kind {
            case .tumbling:
                return grouped.windowed(by: .tumbling(size)).aggregate(
                    store: "w",
                    initial: 0,
                    value: .int64,
                    emit: emission,
                    count
                )
            case .hopping:
                return grouped.windowed(by: .hopping(size, every: size / 2)).aggregate(
                    store: "w",
                    initial: 0,
                    value: .int64,
                    emit: emission,
                    count
                )
            case .sliding:
                return grouped.windowed(by: .sliding(size)).aggregate(
                    store: "w",
                    initial: 0,
                    value: .int64,
                    emit: emission,
                    count
                )
            case .session:
                return grouped.windowed(by: .session(gap: size)).aggregate(
                    store: "w",
                    initial: 0,
                    value: .int64,
                    emit: emission,
                    merge: +,
                    count
                )
            case .cogroup:
                return grouped.cogrouped(as: .int64, count)
                    .windowed(by: TimeWindows.tumbling(size))
                    .aggregate(store: "w", initial: 0, emit: emission)
            }
        }

        var topology: [Statement] {
            let behind = behind
            return [
                windows.onError(policy).toStream()
                    .map { (key: Windowed<String>, value: Int64?) throws -> (String, Int64) in
                        try behind.burn()
                        return (key.key, value ?? -1)
                    }
                    .onError(.skip(after: retry))
                    .to(output)
            ]
        }
    }

    private func send(_ value: String, at time: Int, to engine: TestEngine<Counts>) throws {
        try engine.send(value, key: value, to: Self.input, at: Self.time(time))
        try engine.run()
        for _ in 0..<4 { try engine.advance(by: .milliseconds(100)) }
    }

    @Test(arguments: Kind.allCases)
    func `windows close at the record that moved time on, however often it was tried`(
        kind: Kind
    ) throws {
        for failures in 0...2 {
            let job = Counts(kind: kind, fuse: Fuse(failures), policy: .skip(after: Self.retry))
            let engine = try TestEngine(job, partitions: 1)
            try send("x", at: 1, to: engine)
            try send("bad", at: 15, to: engine)
            let closed = try engine.read(Self.output).map(\.key)
            #expect(closed.contains("x"), "\(failures) failures")
            #expect(closed.allSatisfy { $0 == "x" })
        }
    }

    @Test(arguments: Kind.allCases)
    func `windows close at the next record where the one that moved time on was left out`(
        kind: Kind
    ) throws {
        let engine = try TestEngine(Counts(kind: kind, fuse: Fuse(.max)), partitions: 1)
        try send("x", at: 1, to: engine)
        try send("bad", at: 15, to: engine)
        #expect(try engine.read(Self.output).isEmpty)
        try send("y", at: 15, to: engine)
        let closed = try engine.read(Self.output).map(\.key)
        #expect(closed.contains("x") && closed.allSatisfy { $0 == "x" })
    }

    @Test(arguments: [Kind.tumbling, .hopping, .session, .cogroup])
    func `a window that closes at a late record is not lost where what is behind it is tried again`(
        kind: Kind
    ) throws {
        let job = Counts(kind: kind, fuse: Fuse(.max), behind: Fuse(1))
        let engine = try TestEngine(job, partitions: 1)
        try send("x", at: 1, to: engine)
        try send("bad", at: 30, to: engine)
        // It changes nothing, so that its retry takes nothing back.
        try send("late", at: 2, to: engine)
        #expect(engine.droppedCount(.late) > 0)
        // It lies in two hopping windows.
        let closed = try engine.read(Self.output).map(\.key)
        #expect(closed == (kind == .hopping ? ["x", "x"] : ["x"]))
        try send("y", at: 31, to: engine)
        #expect(try engine.read(Self.output).isEmpty)
    }

    enum Restart: String, CaseIterable, Sendable {
        case none, kill, crash
    }

    @Test(arguments: [Kind.tumbling, .sliding, .session], Restart.allCases)
    func `idle time moves nothing on while no window is open, also after a restart`(
        kind: Kind,
        restart: Restart
    ) throws {
        let job = Counts(
            kind: kind,
            size: .seconds(1),
            emission: .onClose(idleAfter: .seconds(5))
        )
        let engine = try TestEngine(job, partitions: 1)
        try engine.send("x", key: "x", to: Self.input, at: Self.time(10_000))
        try engine.run()
        for _ in 0..<30 { try engine.advance(by: .seconds(1)) }
        #expect(try engine.read(Self.output).map(\.key) == ["x"])
        switch restart {
        case .none: break
        case .kill: try engine.kill()
        case .crash: try engine.crash()
        }
        for _ in 0..<30 { try engine.advance(by: .seconds(1)) }
        try engine.send("y", key: "y", to: Self.input, at: Self.time(18_000))
        try engine.run()
        // What is open is closed by itself, also after a restart.
        if restart != .none { try engine.kill() }
        for _ in 0..<30 { try engine.advance(by: .seconds(1)) }
        #expect(engine.droppedCount(.late) == 0)
        #expect(try engine.read(Self.output).map(\.key) == ["y"])
    }
}
