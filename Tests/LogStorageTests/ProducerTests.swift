import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// What the log remembers of producers, through restarts too.
@Suite struct ProducerTests {
    enum Restart: CaseIterable { case none, kill, writeBackAndKill, orderly }

    @Test(arguments: Restart.allCases)
    func `the last five batches of a producer are told from new ones`(after restart: Restart) throws
    {
        var log = try TestLog()
        let producer = TestProducer(5)
        for number in 0..<8 { try log.append(["\(number)", "x"], from: producer) }
        try log.flush()
        switch restart {
        case .none: break
        case .kill: log = try log.killed()
        case .writeBackAndKill:
            try log.data.writeBack(all: true)
            log = try log.killed()
        case .orderly:
            try log.close()
            log = try TestLog(opening: try log.simulated)
        }
        for number in 0..<8 {
            let again = TestProducer(5)
            again.sequence = Int32(number * 2)
            let outcome = try log.offer(["\(number)", "x"], from: again)
            if number >= 3 {
                let base = Offset(Int64(number * 2))
                #expect(outcome == .duplicate(base: base, last: base.advanced(by: 1)))
            } else {
                #expect(Self.code(outcome) == .outOfOrderSequenceNumber)
            }
        }
        #expect(try log.records().count == 16)
    }

    @Test func `a gap, an older epoch and a new epoch that does not begin at 0 are refused`() throws
    {
        let log = try TestLog()
        let producer = TestProducer(5, epoch: 3)
        try log.append(["a"], from: producer)
        producer.sequence = 2
        #expect(Self.code(try log.offer(["b"], from: producer)) == .outOfOrderSequenceNumber)
        let old = TestProducer(5, epoch: 2)
        #expect(Self.code(try log.offer(["b"], from: old)) == .invalidProducerEpoch)
        let new = TestProducer(5, epoch: 4)
        new.sequence = 1
        #expect(Self.code(try log.offer(["b"], from: new)) == .outOfOrderSequenceNumber)
        new.sequence = 0
        try log.append(["b"], from: new)
        #expect(throws: LogStorageError.self) { try log.end(old, .abort) }
    }

    @Test func `sequence numbers go on at 0 behind the largest`() throws {
        let log = try TestLog()
        let producer = TestProducer(5)
        producer.sequence = Int32.max - 1
        try log.append(["a", "b"], from: producer)
        #expect(producer.sequence == 0)
        try log.append(["c"], from: producer)
        producer.sequence = 2
        #expect(Self.code(try log.offer(["e"], from: producer)) == .outOfOrderSequenceNumber)
    }

    @Test func `a snapshot with any bit turned over is not believed`() throws {
        let log = try TestLog()
        // So many that they need a file of their own beside the checkpoint.
        for number in 0..<30 {
            let isTransactional = number == 7
            let producer = TestProducer(Int64(number), epoch: 1, isTransactional: isTransactional)
            try log.append(["\(number)"], from: producer)
        }
        try log.close()
        let disk = try #require(log.disk as? SimulatedDisk)
        let expected = try log.log.activeProducers
        let path = "\(TestLog.directory)/00000000000000000030.snapshot"
        let byteCount = Int(try disk.open(path, .read).byteCount())
        try #require(byteCount > 1024)
        for position in 0..<byteCount {
            let damaged = disk.copy()
            damaged.rot(path, at: position, bit: position % 8)
            let reopened = try TestLog(opening: damaged)
            #expect(try reopened.log.activeProducers == expected)
        }
    }

    @Test func `a silent producer is forgotten, one with an open transaction never`() throws {
        let log = try TestLog(["producer.id.expiration.ms": "1000"])
        let open = TestProducer(1, isTransactional: true)
        try log.append(["a"], from: open)
        try log.append(["b"], from: TestProducer(2))
        try log.flush()
        log.time.advance(milliseconds: 2000)
        _ = try log.log.retentionStart(now: log.time.wallTime())
        #expect(try log.log.activeProducers.map(\.producerID) == [ProducerID(1)])
    }

    private static func code(_ outcome: AppendOutcome) -> KafkaErrorCode? {
        guard case .refused(let code, _) = outcome else { return nil }
        return code
    }
}
