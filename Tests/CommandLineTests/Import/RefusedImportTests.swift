import Broker
import DirectoryAccess
import LogModel
import MillraceTestKit
import Testing

@testable import DirectoryCommands

/// What Kafka's files hold and no log of ours may.
@Suite struct RefusedImportTests {
    @Test func `a producer id that leaves none to give out fails the import, and is forgotten`()
        throws
    {
        let harness = try ImportHarness()
        let producer = Maker.Producer(Int64.max - 1, sequence: 0, isTransactional: false)
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a", producer: producer)]])
        let error = #expect(throws: (any Error).self) { try harness.bring(raw: true) }
        #expect("\(String(describing: error))".contains("producer id \(Int64.max - 1)"))
        let log = try OpenLog(harness.target, creates: true)
        #expect(log.broker.topics().isEmpty)
        try log.close()
        // Without producers its records come over.
        try harness.bring { (log) throws in
            #expect(try ImportHarness.records(log, "t-0").count == 1)
        }
    }

    /// No broker takes one from a client; what reads logs does not mind.
    @Test(arguments: [Int32(-1), .min])
    func `a producer's batch without a sequence number is told, and refused with its producer`(
        sequence: Int32
    ) throws {
        let harness = try ImportHarness()
        func batch(_ base: Int64, _ sequence: Int32) -> [UInt8] {
            let producer = Maker.Producer(9, sequence: sequence, isTransactional: false)
            return Maker.batch(base, values: "a", producer: producer)
        }
        try harness.maker.partition("t-0", [0: [batch(0, 0), batch(1, sequence), batch(2, -1)]])
        let error = #expect(throws: (any Error).self) { try harness.bring(raw: true) }
        let words = "\(String(describing: error))"
        #expect(words.contains("offset 1: the batch of producer 9"), "\(words)")
        #expect(words.contains("(no --raw)"), "\(words)")
        let report = try harness.bring { (log) throws in
            #expect(try ImportHarness.records(log, "t-0").count == 3)
            #expect(try ImportHarness.producers(log, "t-0") == [-1, -1, -1])
        }
        #expect(!report.isDamaged)
        let note = "a batch of producer 9 has the sequence number \(sequence)"
        #expect(report.warnings.contains(note), "\(report.warnings)")
        #expect(report.warnings.contains("so has 1 more batch"), "\(report.warnings)")
    }

    @Test func `messages of a wrapper that reaches back are damage, and none comes twice`() throws {
        let harness = try ImportHarness()
        func wrapper(_ offsets: ClosedRange<Int64>) throws -> [UInt8] {
            let inner = try offsets.map { try Maker.message($0, format: 0, value: "v\($0)") }
            return try Maker.wrapper(offsets.upperBound, format: 0, around: inner)
        }
        try harness.maker.partition("t-0", [0: [try wrapper(0...4), try wrapper(2...9)]])
        let report = try harness.bring { (log) throws in
            let records = try ImportHarness.records(log, "t-0")
            #expect(records == (0...4).map { "\($0):v\($0)@-1" })
        }
        #expect(report.isDamaged)
    }
}
