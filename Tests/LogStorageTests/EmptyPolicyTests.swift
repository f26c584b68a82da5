import Bytes
import LogModel
import MillraceTestKit
import Testing

@testable import LogStorage

/// `cleanup.policy=`, an empty list, as Kafka has it: neither deleted nor compacted.
@Suite struct EmptyPolicyTests {
    @Test func `an empty cleanup.policy neither deletes nor compacts`() throws {
        let options = ["cleanup.policy": "", "retention.ms": "1", "retention.bytes": "1"]
        let configuration = try LogConfiguration(topicOptions: options)
        #expect(!configuration.deletesOldSegments && !configuration.compacts)
    }

    @Test(arguments: [",", " ", "keep", "delete,keep"])
    func `a list that is neither empty nor of what is known is refused`(value: String) {
        #expect(throws: LogStorageError.self) {
            try LogConfiguration(topicOptions: ["cleanup.policy": value])
        }
    }

    @Test func `an option without a value is read again from the topic table`() throws {
        let files = PartitionFiles(disk: SimulatedDisk(), directory: "/d")
        try files.disk.createDirectory("/d")
        var table = TopicTable()
        table.topics["t"] = TopicDefinition(
            name: "t",
            id: UniqueID(high: 1, low: 2),
            partitionCount: 1,
            options: ["cleanup.policy": "", "segment.ms": "5"]
        )
        try table.store(files)
        #expect(try TopicTable.load(files) == table)
    }
}
