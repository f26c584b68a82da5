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

    @Test func `others are given ids behind it`() throws {
        let log = try TestLog()
        try log.data.passProducer(ProducerID(1 << 40))
        guard case .appended = try offer(1 << 40, to: log) else {
            Issue.record("a common id was refused")
            return
        }
        try log.flush()
        try log.close()
        #expect(try log.killed().data.grantedProducerIDs() > ProducerID(1 << 40))
    }
}
