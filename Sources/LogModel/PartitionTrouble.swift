/// Why a partition takes no more records, as a server tells it.
package struct PartitionTrouble: Equatable, Sendable {
    /// Nothing of it can be read either.
    package let isOffline: Bool
    package let reason: String

    package init(isOffline: Bool, reason: String) {
        self.isOffline = isOffline
        self.reason = reason
    }

    /// `3 offline its folder is gone`
    package func line(of partition: PartitionIndex) -> String {
        let text = String(reason.map { $0.isNewline ? " " : $0 })
        return "\(partition.rawValue) \(isOffline ? "offline" : "read-only") \(text)"
    }

    /// The troubles of a topic's partitions; lines of another form are left out.
    package static func read(_ lines: String) -> [Int32: PartitionTrouble] {
        var found: [Int32: PartitionTrouble] = [:]
        for line in lines.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count == 3, let index = Int32(words[0]),
                words[1] == "offline" || words[1] == "read-only"
            else { continue }
            found[index] = PartitionTrouble(
                isOffline: words[1] == "offline",
                reason: String(words[2])
            )
        }
        return found
    }
}
