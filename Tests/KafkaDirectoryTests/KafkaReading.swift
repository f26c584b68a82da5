import KafkaDirectory
import LogModel
import LogStorage
import MillraceTestKit

typealias Maker = KafkaSegmentMaker

/// A Kafka directory on a simulated disk, and what is read of it in short words.
struct KafkaReading {
    let disk = SimulatedDisk()
    let maker: KafkaDirectoryMaker

    init(isClean: Bool = true, properties: String = KafkaDirectoryMaker.properties) throws {
        maker = try KafkaDirectoryMaker(disk, isClean: isClean, properties: properties)
    }

    /// Opens it, and holds that nothing was written.
    func open() throws -> KafkaDirectory {
        let before = disk.operationCount
        defer { precondition(disk.operationCount == before, "the reader wrote") }
        return try KafkaDirectory.open(disk: disk, path: maker.path)
    }

    func partition(_ name: String = "t-0") throws -> KafkaPartition {
        let found = try open().partitions.first { $0.name.description == name }
        guard let found else { throw MissingPartition() }
        return found
    }

    func survey(_ name: String = "t-0") throws -> PartitionSurvey {
        try PartitionSurvey(try partition(name), disk: disk)
    }

    /// `offset:value` of every record, or of those that a read_committed reader sees.
    func records(_ name: String = "t-0", committed: Bool = false) throws -> [String] {
        let survey = try survey(name)
        var records: [String] = []
        var decompressor = RecordDecompressor()
        var reader = PartitionReader(try partition(name), disk: disk)
        while let entry = try reader.next(), entry.firstOffset < survey.logEnd {
            if entry.isControl || committed && survey.verdict(of: entry) != .visible { continue }
            try entry.forEachRecord(&decompressor) { record in
                let value = record.value.map { String(decoding: $0, as: UTF8.self) } ?? "null"
                records.append("\(record.offset.rawValue):\(value)")
            }
        }
        return records
    }

    struct MissingPartition: Error {}
}
