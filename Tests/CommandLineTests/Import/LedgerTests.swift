import Broker
import Bytes
import DirectoryAccess
import Foundation
import KafkaDirectory
import LogModel
import LogStorage
import MillraceTestKit
import Terminal
import Testing
import Threads

@testable import DirectoryCommands

/// Which topics are an import's own: those of the ids that its ledger names, and no other.
@Suite struct LedgerTests {
    @Test func `the topics of a killed import are removed by the next, which says so`() throws {
        let harness = try ImportHarness()
        try harness.maker.partition("t-0", [0: [Maker.batch(0, values: "a", "b")]])
        let log = try OpenLog(harness.target, creates: true)
        let entries = ["t", "never"].map {
            ImportLedger.Entry(name: $0, id: log.broker.makeTopicID())
        }
        try ImportLedger(disk: PosixDisk(), directory: harness.target).begin(entries)
        try log.broker.createTopic("t", id: entries[0].id, partitionCount: 1)
        #expect(try log.unfinishedImports() == [entries[0]])
        // Nobody writes to what the next import removes.
        #expect(throws: CommandFailure.self) { try log.refuseUnfinished([entries[0].name]) }
        #expect(throws: Never.self) { try log.refuseUnfinished(["another"]) }
        #expect(throws: CommandFailure.self) { try log.refuseUnfinished(nil) }
        try log.close()
        let again = try OpenLog(harness.target, creates: false)
        #expect(again.broker.unfinishedTopics.withLock { $0 } == [entries[0].id])
        try again.close()
        let report = try harness.bring { (log) throws in
            #expect(try log.unfinishedImports() == [])
            #expect(try ImportHarness.records(log, "t-0").count == 2)
        }
        #expect(report.warnings.contains("an import was killed on its way"))
    }

    @Test(arguments: [true, false])
    func `a topic that somebody made is none of an import's, whatever its name`(
        hasIDs: Bool
    ) throws {
        let harness = try ImportHarness()
        try harness.maker.partition("first-0", [0: [Maker.batch(0, values: "a")]])
        // The import was killed before it made these; an older program wrote no ids.
        let log = try OpenLog(harness.target, creates: true)
        let entries = ["first", "mine"].map {
            ImportLedger.Entry(name: $0, id: hasIDs ? log.broker.makeTopicID() : nil)
        }
        let ledger = ImportLedger(disk: PosixDisk(), directory: harness.target)
        try ledger.begin(entries)
        #expect(try ledger.entries() == entries)
        try log.broker.createTopic("mine", partitionCount: 1)
        let made = try #require(log.broker.topic("mine")).id
        #expect(try log.unfinishedImports().map(\.name) == (hasIDs ? [] : ["mine"]))
        try log.close()
        let report = try harness.bring { (log) throws in
            #expect(log.broker.topic("mine")?.id == made)
            #expect(log.broker.topic("first") != nil)
            #expect(try log.unfinishedImports() == [])
        }
        #expect(report.warnings.contains("did not say which topics") != hasIDs)
        #expect(!report.warnings.contains("what it had brought"))
    }
}
