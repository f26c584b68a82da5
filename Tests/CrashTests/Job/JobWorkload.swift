import Broker
import LogModel
import MillraceTestKit
import Streams

/// What a test knows of the job: its input, and what a reader of its output has seen.
struct JobOracle: Sendable {
    /// Durable before the recording begins, by partition.
    var lines: [[String]] = []
    /// Updates that were readable by word.
    var seen: [String: Int] = [:]

    /// How often each word occurs.
    var expected: [String: Int] {
        var expected: [String: Int] = [:]
        for word in lines.joined().flatMap({ $0.split(separator: " ") }) {
            expected[String(word), default: 0] += 1
        }
        return expected
    }
}

/// Runs the job over some lines, killed once in between, and keeps the moments.
struct JobWorkload {
    private let disk = SimulatedDisk()
    private let stores = SimulatedStores()
    private let time = ManualTimeSource()
    private let recorder: MomentRecorder<JobOracle>

    private static let words = ["ant", "bee", "cat", "dog", "eel", "fox"]

    init(seed: UInt64, lineCount: Int) throws {
        var generator = SeededGenerator(seed: seed)
        var oracle = JobOracle()
        oracle.lines = (0..<Int(JobRig.partitionCount)).map { _ in
            (0..<lineCount).map { _ in
                (0..<3).map { _ in Self.words[generator.below(Self.words.count)] }
                    .joined(separator: " ")
            }
        }
        recorder = MomentRecorder(disk: disk, stores: stores, oracle: oracle)
    }

    func run() throws -> [CrashMoment<JobOracle>] {
        var broker = try JobRig.openBroker(disk, time)
        try broker.createTopic(CountJob.lines.name, partitionCount: JobRig.partitionCount)
        for (partition, lines) in recorder.oracle.lines.enumerated() {
            for pair in stride(from: 0, to: lines.count, by: 2) {
                try broker.send(
                    Array(lines[pair..<min(pair + 2, lines.count)]),
                    to: Int32(partition),
                    at: time.wallTime()
                )
            }
        }
        recorder.forget()
        var rig = try JobRig(broker: broker, stores: stores, time: time)
        for _ in 0..<8 {
            _ = try rig.step()
            try noteSeen(broker)
        }
        disk.releaseLocks()
        stores.releaseAll()
        broker = try JobRig.openBroker(disk, time)
        rig = try JobRig(broker: broker, stores: stores, time: time)
        while try rig.step() { try noteSeen(broker) }
        try rig.finish()
        try noteSeen(broker)
        try broker.close()
        return recorder.finish()
    }

    private func noteSeen(_ broker: Broker) throws {
        let seen = try broker.counts(in: CountJob.counts.name).mapValues(\.count)
        recorder.update { $0.seen = seen }
    }
}
