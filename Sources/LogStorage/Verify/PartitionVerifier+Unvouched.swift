import LogModel

/// What is whole, and nobody was told of.
extension PartitionVerifier {
    /// Whether nobody was told of what lies there. With relaxed durability it stays as far as it is
    /// whole; where the end of the log is not known, it may have been acknowledged.
    func isUnvouched(_ segment: Offset, _ position: Int64) -> Bool {
        // A partition with a suspicion takes no more: nothing of it is cut.
        if facts.suspicion != nil { return false }
        return switch facts.tail {
        case .cut, .keepWhole: (segment, position) >= (facts.end.segment, facts.end.position)
        case .unknown: false
        }
    }

    /// Says what the next start takes away although it is whole.
    mutating func noteUnvouched() {
        guard facts.tail == .cut, facts.suspicion == nil, let first = unvouched.first else {
            return
        }
        let count = unvouched.recordCount
        find(
            .note,
            files.directory,
            nil,
            first,
            count == 1
                ? "1 record was never acknowledged: the next start removes it"
                : "\(count) records were never acknowledged: the next start removes them"
        )
    }
}
