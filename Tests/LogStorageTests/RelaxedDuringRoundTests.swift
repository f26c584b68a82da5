import Bytes
import LogModel
import MillraceTestKit
import Testing
import Threads

@testable import LogStorage

/// A topic is made relaxed while a round is under way that a decision waits for.
@Suite struct RelaxedDuringRoundTests {
    private static let otherID = UniqueID(high: 5, low: 5)
    private static let decidingID = UniqueID(high: 9, low: 9)

    private func append(_ value: String, to log: PartitionLog) throws {
        var batch = TestProducer.batch([value], from: nil, at: 1)
        _ = try batch.withUnsafeMutableBytes { try log.append($0, origin: .coordinator) }
    }

    @Test func `the decision waits for it, and the next ones are taken`() throws {
        let disk = GatedDisk(gating: ".log")
        let test = try TestLog(disk: disk)
        let other = try test.data.createTopic(
            "other",
            id: Self.otherID,
            partitionCount: 1,
            options: [:]
        )[0]
        let deciding = try test.data.createTopic(
            "__transaction_state",
            id: Self.decidingID,
            partitionCount: 1,
            options: [:]
        )[0]
        try append(String(repeating: "x", count: 20_000), to: test.log)
        try append("small", to: other)
        test.data.groups.depend(deciding, on: [test.log, other])
        try append("decided", to: deciding)
        // The bulk's own flush comes before the group.
        disk.close()
        let flush = ThreadGroup()
        flush.start { try? test.data.groups.flushAndWait([deciding]) }
        disk.waitUntilOneWaits()
        try test.data.alterTopic(
            "other",
            id: Self.otherID,
            options: ["millrace.durability": "relaxed"]
        )
        disk.open()
        flush.wait()
        #expect(deciding.readOnlyReason == nil)
        try append("next", to: deciding)
        try test.data.groups.flushAndWait([deciding])
        let again = try TestLog(opening: disk.disk.withoutUnflushed())
        func values(of id: UniqueID) throws -> [String] {
            try again.data.partitions(of: id).flatMap { try TestLog.records(of: $0) }.map(\.value)
        }
        #expect(try values(of: Self.decidingID) == ["decided", "next"])
        #expect(try values(of: Self.otherID) == ["small"])
    }
}
