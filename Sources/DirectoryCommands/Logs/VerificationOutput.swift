import LogModel
import Telemetry
import Terminal

/// What a verification prints: a line for each place that is not as it should be, then what was
/// read.
struct VerificationOutput: ~Copyable {
    /// One place that is not as it should be.
    struct Finding {
        /// Whether stored bytes are gone or changed; else it is what a next start puts in order.
        var isDamage: Bool
        /// The partition, where the file's name does not say it.
        var partition: TopicPartition?
        var file: String
        /// The byte in the file, where the finding has one place.
        var position: Int64?
        var offset: Offset?
        var reason: String
    }

    /// What was read.
    struct Totals {
        var partitionCount = 0
        var segmentCount = 0
        var batchCount = 0
        var recordCount = 0
        var byteCount: Int64 = 0
    }

    private(set) var damageCount = 0
    private let asJSON: Bool
    private var output = BufferedOutput(.standard)

    init(asJSON: Bool) { self.asJSON = asJSON }

    mutating func add(_ finding: Finding) {
        if finding.isDamage { damageCount += 1 }
        output.append(asJSON ? finding.json : visible(finding.line) + "\n")
    }

    /// The last line.
    mutating func end(_ totals: Totals) {
        output.append(asJSON ? totals.json(damageCount) : totals.line(damageCount))
        output.flush()
    }
}

extension VerificationOutput.Finding {
    fileprivate var line: String {
        var line = isDamage ? "damage: " : "note: "
        if let partition { line += "\(partition): " }
        line += file
        if let position { line += ", byte \(position)" }
        if let offset { line += ", offset \(offset.rawValue)" }
        return "\(line): \(reason)"
    }

    fileprivate var json: String {
        "{\"kind\":\"\(isDamage ? "damage" : "note")\","
            + (partition.map { "\"partition\":\(jsonString("\($0)"))," } ?? "")
            + "\"file\":\(jsonString(file)),"
            + "\"position\":\(position.map { "\($0)" } ?? "null"),"
            + "\"offset\":\(offset.map { "\($0.rawValue)" } ?? "null"),"
            + "\"reason\":\(jsonString(reason))}\n"
    }
}

extension VerificationOutput.Totals {
    fileprivate func line(_ damageCount: Int) -> String {
        let end =
            switch damageCount {
            case 0: "no damage"
            case 1: "1 place is damaged"
            default: "\(grouped(damageCount)) places are damaged"
            }
        return "\(counted(partitionCount, "partition")), \(counted(segmentCount, "segment")), "
            + "\(counted(batchCount, "batch", plural: "batches")), "
            + "\(counted(recordCount, "record")), \(counted(Int(byteCount), "byte")): \(end)\n"
    }

    fileprivate func json(_ damageCount: Int) -> String {
        "{\"kind\":\"total\",\"partitions\":\(partitionCount),\"segments\":\(segmentCount),"
            + "\"batches\":\(batchCount),\"records\":\(recordCount),\"bytes\":\(byteCount),"
            + "\"damaged\":\(damageCount)}\n"
    }
}
