import LogModel
import MillraceTestKit
import Streams
import StreamsRuntime
import Testing
import Threads

/// What an operator's own code catches of the engine's errors is not over with that.
@Suite struct CaughtErrorTests {
    /// A processor that catches whatever handing on throws, and an operator behind it that fails.
    private struct Forwarding: StreamJob {
        static let name = "catching"
        var fuse = Fuse()
        var policy = ErrorPolicy.fail
        var topology: [Statement] {
            let fuse = fuse
            stream(Failing.a)
                .process { (_: TaskStores) -> Failing.Scripted in
                    Failing.Scripted(step: { _ = try? $2.forward($0, $1) })
                }
                .mapValues { (value: String) throws -> String in
                    if value == "bad" { try fuse.burn() }
                    return value
                }
                .onError(policy)
                .to(Failing.out)
        }
    }

    private func send(_ values: [String], to engine: TestEngine<some StreamJob>) throws {
        for value in values { try engine.send(value, key: "k", to: Failing.a, at: Failing.time(1)) }
    }

    @Test func `a retry that a processor catches takes place all the same`() throws {
        let job = Forwarding(
            fuse: Fuse(2),
            policy: .deadLetter(retry: Failing.retry)
        )
        let engine = try TestEngine(job, partitions: 1)
        try send(["good", "bad", "last"], to: engine)
        try engine.run()
        for _ in 0..<3 { try engine.advance(by: .milliseconds(60)) }
        #expect(try engine.read(Failing.out).map(\.value) == ["good", "bad", "last"])
        #expect(try engine.readDeadLetters().isEmpty)
    }

    @Test func `a record whose last failure a processor catches is a dead letter once`() throws {
        let job = Forwarding(
            fuse: Fuse(1_000),
            policy: .deadLetter(retry: Failing.retry)
        )
        let engine = try TestEngine(job, partitions: 1)
        try send(["good", "bad", "last"], to: engine)
        try engine.run()
        for _ in 0..<4 { try engine.advance(by: .milliseconds(60)) }
        #expect(try engine.read(Failing.out).map(\.value) == ["good", "last"])
        let letters = try engine.readDeadLetters()
        #expect(letters.map(\.headers[DeadLetterHeader.attempts]) == ["3"])
    }

    @Test func `a failure that is to stop the job stops it though a processor catches it`() throws {
        let engine = try TestEngine(Forwarding(fuse: Fuse(1)), partitions: 1)
        try send(["good", "bad", "last"], to: engine)
        let error = #expect(throws: (any Error).self) { try engine.run() }
        #expect(error.map { "\($0)" }?.contains("offset 1, operator 2, mapValues: boom") == true)
        #expect(try engine.read(Failing.out).isEmpty)
    }

    private enum Stores {
        static let seen = Store.keyValue("seen", key: .utf8, value: .utf8)
    }

    /// Changes a store and hands on, catching what both throw; `watch` learns of every record.
    private struct Storing: StreamJob {
        static let name = "storing"
        var watch: @Sendable (String) -> Void = { _ in }
        var topology: [Statement] {
            let watch = watch
            stream(Failing.a)
                .process(stores: [Stores.seen]) { (stores: TaskStores) -> Failing.Scripted in
                    let seen = try stores.open(Stores.seen)
                    return Failing.Scripted(step: { key, value, context in
                        watch(value)
                        _ = try? seen.put(value, value)
                        _ = try? context.forward(key, value)
                    })
                }
                .to(Failing.out)
        }
    }

    @Test(arguments: [20, 60, 100])
    func `a disk that is full for a moment loses nothing of a processor that catches it`(
        fullAt: Int
    ) throws {
        let disk = Lock<SimulatedDisk?>(nil)
        let wasFull = Lock(false)
        let job = Storing { value in
            guard let disk = disk.withLock({ $0 }) else { return }
            if value.hasPrefix("\(fullAt) "), !wasFull.withLock({ $0 }) {
                wasFull.withLock { $0 = true }
                disk.setCapacity(0)
            }
            if value.hasPrefix("\(fullAt + 40) ") { disk.setCapacity(1 << 40) }
        }
        var configuration = StreamsConfiguration()
        configuration.batchByteLimit = 4_096
        let driver = try TopologyDriver(
            inputs: [("a", 1)],
            configuration: configuration,
            seed: 3
        ) { try Topology(of: job) }
        disk.withLock { $0 = driver.disk }
        for number in 0..<200 {
            let value = "\(number) " + String(repeating: "x", count: 200)
            try driver.send(
                topic: "a",
                key: [107],
                value: Array(value.utf8),
                timestamp: driver.time.wallTime()
            )
        }
        _ = try driver.step()
        #expect(wasFull.withLock { $0 })
        driver.disk.setCapacity(1 << 40)
        for _ in 0..<20 { try driver.advance(milliseconds: 1_000) }
        #expect(driver.rewindCount > 0)
        #expect(try driver.read("out").count == 200)
        #expect(try driver.contents(ofStore: "seen").count == 200)
        try driver.loseStores()
        #expect(try driver.contents(ofStore: "seen").count == 200)
    }
}
