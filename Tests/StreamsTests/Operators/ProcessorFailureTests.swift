import LogModel
import MillraceTestKit
import Streams
import Testing

/// Processors that fail, and timers that they begin on their way.
@Suite struct ProcessorFailureTests {
    private struct Firing: StreamJob {
        static let name = "firing"
        var policy = ErrorPolicy.skip
        var isJobWide = false
        var errorPolicies: ErrorPolicies {
            isJobWide ? ErrorPolicies(process: policy) : ErrorPolicies()
        }
        var topology: [Statement] {
            let processed = stream(Failing.a).process { (_: TaskStores) -> Failing.Scripted in
                Failing.Scripted(
                    begin: { $0.schedule("t", every: .milliseconds(10), by: .streamTime) },
                    tick: { timer, time, context in
                        if Failing.milliseconds(time) < 50 { throw Failing.Boom() }
                        try context.forward(timer, "\(Failing.milliseconds(time))")
                    }
                )
            }
            if isJobWide {
                processed.to(Failing.out)
            } else {
                processed.onError(policy).to(Failing.out)
            }
        }
    }

    private func run(_ job: Firing) throws -> TestEngine<Firing> {
        let engine = try TestEngine(job, partitions: 1)
        for time: Int64 in [1, 60] {
            try engine.send("x", key: "k", to: Failing.a, at: Failing.time(time))
        }
        try engine.run()
        return engine
    }

    @Test(arguments: [false, true])
    func `a timer that fails is left out by the policy of its processor`(isJobWide: Bool) throws {
        let engine = try run(Firing(isJobWide: isJobWide))
        #expect(try engine.read(Failing.out).map(\.value) == ["x", "x", "60"])
        #expect(engine.skippedCount == 1)
    }

    @Test func `a timer that fails is a dead letter without a record, and is not tried again`()
        throws
    {
        let policy = ErrorPolicy.deadLetter(retry: Failing.retry, ordering: .holdKey)
        let engine = try run(Firing(policy: policy))
        #expect(try engine.read(Failing.out).map(\.value) == ["x", "x", "60"])
        let letters = try engine.readDeadLetters()
        #expect(letters.map(\.key) == [nil] && letters.map(\.value) == [nil])
        #expect(letters.map { $0.headers[DeadLetterHeader.message] } == ["boom"])
        #expect(letters.map { $0.headers[DeadLetterHeader.attempts] } == ["1"])
    }

    @Test func `a timer that fails without a policy stops the job and names the operator`() throws {
        let error = #expect(throws: (any Error).self) { _ = try run(Firing(policy: .fail)) }
        let text = error.map { "\($0)" }
        #expect(text == "a timer in partition 0: operator 1, process: boom", "\(text ?? "")")
    }

    private struct Setting: StreamJob {
        static let name = "setting"
        var topology: [Statement] {
            let input = stream(Failing.a)
            input.process { (_: TaskStores) -> Failing.Scripted in
                Failing.Scripted(step: { key, value, context in
                    context.timestamp = context.timestamp.advanced(byMilliseconds: 777)
                    context.headers = [.init("h", "of the processor")]
                    if value == "bad" { throw Failing.Boom() }
                    try context.forward(key, value)
                })
            }.onError(.skip).to(Failing.out)
            input.to(Failing.copies)
        }
    }

    @Test func `a processor that fails leaves time and headers as they came`() throws {
        let engine = try TestEngine(Setting(), partitions: 1)
        try engine.send("ok", key: "k", to: Failing.a, at: Failing.time(1))
        try engine.send("bad", key: "k", to: Failing.a, at: Failing.time(2))
        try engine.run()
        let copies = try engine.readRecords(Failing.copies)
        #expect(copies.map { Failing.milliseconds($0.timestamp) } == [1, 2])
        #expect(copies.allSatisfy { $0.headers.map(\.name) == [] })
        let results = try engine.readRecords(Failing.out)
        #expect(results.map { Failing.milliseconds($0.timestamp) } == [778])
    }
}
