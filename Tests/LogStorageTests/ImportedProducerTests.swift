import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// Producers of imported records keep their ids, and leave some for others.
@Suite struct ImportedProducerTests {
    private func offer(_ id: Int64, to log: TestLog) throws -> AppendOutcome {
        var batch = TestProducer.batch(["x"], from: TestProducer(id), at: 1)
        return try batch.withUnsafeMutableBytes { try log.log.append($0, origin: .imported) }
    }

    @Test(arguments: [Int64.max, Int64.max - 1, 1 << 62])
    func `an id that leaves none to give out is refused`(id: Int64) throws {
        let log = try TestLog()
        try log.data.passProducer(ProducerID(id))
        let outcome = try offer(id, to: log)
        guard case .refused(.invalidRecord, let reason) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reason.contains("producer id \(id)"))
        try log.flush()
        try log.close()
        #expect(try log.killed().data.grantedProducerIDs() == ProducerID(0))
    }

    @Test func `others are given to nobody, also after the power went`() throws {
        for id in [Int64(5000), 1 << 40] {
            let log = try TestLog()
            try log.data.passProducer(ProducerID(id))
            guard case .appended = try offer(id, to: log) else {
                Issue.record("producer id \(id) was refused")
                continue
            }
            #expect(try log.afterPowerLoss().data.grantedProducerIDs() > ProducerID(id))
            try log.flush()
            try log.close()
            let disk = try log.simulated.copy()
            #expect(try TestLog(opening: disk).data.grantedProducerIDs() > ProducerID(id))
            // Without the file that says so the producers are asked.
            disk.releaseLocks()
            try disk.remove("\(TestLog.root)/\(ProducerIDBlock.fileName)")
            #expect(try TestLog(opening: disk).data.grantedProducerIDs() == ProducerID(id + 1))
        }
    }
}
