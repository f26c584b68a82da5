import LogModel
import MillraceTestKit
import Streams
import Testing

/// Sessions that grow, meet and end, in any order of times and through crashes, against a model
/// that keeps them in a list.
@Suite struct SessionTests {
    private static let gap: Int64 = 10_000
    private static let grace: Int64 = 15_000

    private struct Counts: StreamJob {
        static let name = "counts"
        static let clicks = Topic("clicks", key: .utf8, value: .int64)
        static let closed = Topic("closed", key: .session(.utf8), value: .int64)
        static let counts = Topic("updates", key: .session(.utf8), value: .int64)
        static let updates = Topic("updates", key: .session(.utf8), value: .optional(.int64))
        var topology: [Statement] {
            let sessions = stream(Self.clicks)
                .groupByKey()
                .windowed(by: .session(gap: .seconds(10), grace: .seconds(15)))
            sessions.count(store: "closing", emit: .onClose, retention: .seconds(60))
                .to(Self.closed)
            sessions.count(store: "updating").to(Self.counts)
        }
    }

    /// A closed session, or one as it was updated; nil retracts it.
    private struct Result: Equatable, CustomStringConvertible {
        var key: String
        var start: Int64
        var end: Int64
        var count: Int64?
        var description: String { "\(key) \(start)...\(end): \(count.map { "\($0)" } ?? "gone")" }
    }

    private struct Model {
        struct Session: Equatable {
            var key: String
            var start: Int64
            var end: Int64
            var count: Int64
        }
        var sessions: [Session] = []
        var streamTime = Int64.min
        var latest = Int64.min
        var closedThrough = Int64.min
        let closes: Bool
        private(set) var results: [Result] = []

        init(closes: Bool) { self.closes = closes }

        mutating func take(_ key: String, _ time: Int64) {
            let hasMoved = time > streamTime
            streamTime = max(streamTime, time)
            let closeTime = streamTime - SessionTests.gap - SessionTests.grace
            let found = sessions.filter {
                $0.key == key && $0.end >= time - SessionTests.gap
                    && $0.start <= time + SessionTests.gap
            }.sorted { $0.end < $1.end }
            var whole = Session(key: key, start: time, end: time, count: 1)
            for session in found {
                whole.start = min(whole.start, session.start)
                whole.end = max(whole.end, session.end)
                whole.count += session.count
            }
            if whole.end >= closeTime {
                sessions.removeAll { found.contains($0) }
                if !closes, whole.start != time || whole.end != time {
                    for session in found { note(session, count: nil) }
                }
                sessions.append(whole)
                latest = max(latest, whole.end)
                if !closes { note(whole, count: whole.count) }
                expire()
            }
            if closes, hasMoved, closeTime - 1 > closedThrough {
                let ended = sessions.filter { $0.end > closedThrough && $0.end < closeTime }
                for session in ended.sorted(by: {
                    ($0.end, $0.start, $0.key) < ($1.end, $1.start, $1.key)
                }) {
                    note(session, count: session.count)
                }
                closedThrough = closeTime - 1
                expire()
            }
        }

        private mutating func note(_ session: Session, count: Int64?) {
            results.append(
                Result(key: session.key, start: session.start, end: session.end, count: count)
            )
        }

        private mutating func expire() {
            var through = latest - (closes ? 60_000 : SessionTests.gap + SessionTests.grace)
            if closes { through = min(through, closedThrough) }
            sessions.removeAll { $0.end <= through }
        }
    }

    @Test(arguments: 0..<8)
    func `sessions are those of a list, through crashes`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let engine = try TestEngine(Counts(), partitions: 1, seed: seed)
        var models = (closing: Model(closes: true), updating: Model(closes: false))
        var closed: [Result] = []
        var updates: [Result] = []
        func read() throws {
            closed += try engine.read(Counts.closed).map {
                Result(
                    key: $0.key.key,
                    start: $0.key.window.start.rawValue,
                    end: $0.key.window.end.rawValue,
                    count: $0.value
                )
            }
            updates += try engine.read(Counts.updates).map {
                Result(
                    key: $0.key.key,
                    start: $0.key.window.start.rawValue,
                    end: $0.key.window.end.rawValue,
                    count: $0.value
                )
            }
        }
        var now: Int64 = 100_000
        for _ in 0..<300 {
            now += Int64.random(in: 0...4_000, using: &random)
            // Some come late, some too late; now and then nothing comes for long.
            if Int.random(in: 0..<30, using: &random) == 0 { now += 60_000 }
            let time = now - Int64.random(in: 0...(seed % 2 == 0 ? 5_000 : 40_000), using: &random)
            let key = ["a", "b", "c"].randomElement(using: &random) ?? "a"
            models.closing.take(key, time)
            models.updating.take(key, time)
            try engine.send(1, key: key, to: Counts.clicks, at: .milliseconds(time))
            switch Int.random(in: 0..<20, using: &random) {
            case 0: try engine.crash()
            case 1: try engine.kill()
            case 2: try engine.run()
            case 3: try engine.commit()
            default: try engine.process()
            }
        }
        try engine.run()
        try engine.commit()
        try read()
        #expect(closed == models.closing.results)
        #expect(updates == models.updating.results)
    }
}
