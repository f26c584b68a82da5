import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// A directory that has lost `meta.properties` and looks like one that was never made whole.
@Suite struct LostFormatTests {
    private static let meta = "\(TestLog.root)/meta.properties"
    private static let table = "\(TestLog.root)/\(TopicTable.fileName)"
    private static let producerIDs = "\(TestLog.root)/\(ProducerIDBlock.fileName)"

    private func open(_ disk: SimulatedDisk) throws -> DataDirectory {
        disk.releaseLocks()
        return try DataDirectory.open(
            disk: disk,
            path: TestLog.root,
            owner: "test",
            creates: true,
            time: ManualTimeSource(),
            journal: .small
        )
    }

    @Test func `topics without a record are not written over`() throws {
        let log = try TestLog(partitions: 3)
        try log.close()
        let disk = try log.simulated.copy()
        let text = try disk.content(Self.meta)
        let topics = try disk.content(Self.table)
        try disk.remove(Self.meta)
        let error = #expect(throws: LogStorageError.self) { try open(disk) }
        #expect("\(String(describing: error))".contains("meta.properties"))
        #expect(try disk.content(Self.table) == topics)
        try disk.append(text, to: Self.meta)
        #expect(try open(disk).topics.map(\.name) == [TestLog.topic])
    }

    @Test func `a damaged table of topics is not written over`() throws {
        let log = try TestLog()
        try log.close()
        let disk = try log.simulated.copy().flipped(Self.table, bit: 100)
        let topics = try disk.content(Self.table)
        try disk.remove(Self.meta)
        #expect(throws: LogStorageError.self) { try open(disk) }
        #expect(try disk.content(Self.table) == topics)
    }

    @Test func `producer ids that were given out are not given out again`() throws {
        let disk = SimulatedDisk()
        let first = try open(disk)
        try first.grantProducerIDs(upTo: ProducerID(1000))
        try first.close()
        try disk.remove(Self.meta)
        #expect(throws: LogStorageError.self) { try open(disk) }
        try disk.remove(Self.table)
        #expect(throws: LogStorageError.self) { try open(disk) }
        #expect(try ProducerIDBlock.decode(disk.content(Self.producerIDs)) == ProducerID(1000))
    }

    @Test func `a making that was cut short is begun anew`() throws {
        for number in 0..<30 {
            let disk = SimulatedDisk()
            disk.losePower(atOperation: number)
            _ = try? open(disk)
            let left = disk.withoutUnflushed()
            let data = try open(left)
            #expect(data.topics.isEmpty, "power lost at operation \(number)")
        }
    }
}
