import KafkaDirectory
import LogModel
import LogStorage
import Terminal

/// What an import brought and what it left out, in lines for a person.
struct ImportReport {
    struct TopicLine {
        var name: String
        var partitionCount: Int
        var recordCount = 0
        var abortedRecordCount = 0
        var unstableRecordCount = 0
        var markerCount = 0
        var isDamaged = false
    }

    var topics: [TopicLine] = []
    /// Where the next record of each partition goes.
    var ends: [TopicPartition: Offset] = [:]
    var groupCount = 0
    var positionCount = 0
    var notes: [String] = []
    var findings: [KafkaFinding] = []

    /// Whether anything could not be brought.
    var isDamaged: Bool { findings.contains { $0.severity == .damage } }

    /// - Parameter isDecided: Whether what this folder says of transactions is all that there is.
    mutating func add(
        _ outcome: PartitionImport.Outcome,
        of partition: TopicPartition,
        isDecided: Bool
    ) {
        ends[partition] = outcome.end
        findings += outcome.findings
        if outcome.unstableRecordCount > 0 {
            notes.append(
                "\(partition): left out "
                    + Self.count(outcome.unstableRecordCount, "record")
                    + (isDecided
                        ? " of transactions that had not ended, as a start of the broker aborts "
                            + "them"
                        : " of transactions whose end this folder does not tell: they may be "
                            + "committed; --raw brings them over")
            )
        }
    }

    /// Positions that a group's transactions had not committed yet.
    mutating func addUndecided(_ count: Int, of group: String, isDecided: Bool) {
        guard count > 0 else { return }
        notes.append(
            "the group \(group): left out \(Self.count(count, "position")) of transactions "
                + (isDecided
                    ? "that had not ended, as a start of the broker aborts them"
                    : "whose end this folder does not tell")
                + "; it goes on from what it had committed before them"
        )
    }

    /// The lines for standard output.
    func text(isRaw: Bool) -> String {
        var text = ""
        for topic in topics {
            text += "\(topic.name): \(Self.count(topic.partitionCount, "partition")), "
            text += Self.count(topic.recordCount, "record")
            if isRaw {
                if topic.markerCount > 0 { text += ", \(Self.count(topic.markerCount, "marker"))" }
            } else {
                text += topic.leftOut
            }
            text += topic.isDamaged ? "; not whole: see the damage\n" : "\n"
        }
        if groupCount > 0 {
            text += "\(Self.count(groupCount, "group")) with "
            text += "\(Self.count(positionCount, "position"))\n"
        }
        return text + "\(Self.count(topics.count, "topic")) brought over\n"
    }

    /// The lines for standard error.
    var warnings: String {
        (notes.map { "note: \(visible($0))\n" } + findings.map { "\(visible("\($0)"))\n" }).joined()
    }

    fileprivate static func count(_ count: Int, _ noun: String) -> String {
        "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")"
    }
}

extension ImportReport.TopicLine {
    mutating func add(_ outcome: PartitionImport.Outcome, of partition: TopicPartition) {
        recordCount += outcome.recordCount
        abortedRecordCount += outcome.abortedRecordCount
        unstableRecordCount += outcome.unstableRecordCount
        markerCount += outcome.markerCount
        isDamaged = isDamaged || outcome.findings.contains { $0.severity == .damage }
    }

    /// What a read_committed reader does not see.
    fileprivate var leftOut: String {
        var parts: [String] = []
        if abortedRecordCount > 0 {
            parts.append(
                "\(ImportReport.count(abortedRecordCount, "record")) of aborted transactions"
            )
        }
        if unstableRecordCount > 0 {
            parts.append(
                "\(ImportReport.count(unstableRecordCount, "record")) of open transactions"
            )
        }
        if markerCount > 0 { parts.append(ImportReport.count(markerCount, "marker")) }
        return parts.isEmpty ? "" : "; left out: \(parts.joined(separator: ", "))"
    }
}
