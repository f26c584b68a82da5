import Bytes

/// Where an answer to a fetch has other records than Kafka's for one of the two reasons that
/// `docs/internals/deviations.md` states: markers close no segments of older records, so that a
/// fetch goes on behind them; and nothing ends in the middle of a batch.
struct FetchComparison {
    static let words = "a fetch ends with a batch, and goes on behind markers in one segment"

    /// What Kafka answered, with the records that are ours to give.
    let expected: JSON

    /// Nil where no such reason is there.
    init?(_ expected: JSON, _ actual: JSON) {
        var count = 0
        self.expected = Self.adapted(expected, to: actual, &count)
        guard count > 0 else { return nil }
    }

    private static func adapted(_ expected: JSON, to actual: JSON, _ count: inout Int) -> JSON {
        switch (expected, actual) {
        case (.object(var members), .object(let ours)):
            if let theirs = members["records"], let records = ours["records"],
                isStated(theirs, records)
            {
                count += 1
                members["records"] = records
                // Those that overlap with what is there.
                if let aborted = ours["abortedTransactions"],
                    isPrefix(members["abortedTransactions"], aborted)
                {
                    members["abortedTransactions"] = aborted
                }
                return .object(members)
            }
            for (name, value) in members {
                if let other = ours[name] { members[name] = adapted(value, to: other, &count) }
            }
            return .object(members)
        case (.array(let values), .array(let ours)) where values.count == ours.count:
            return .array(zip(values, ours).map { adapted($0, to: $1, &count) })
        default: return expected
        }
    }

    private static func isStated(_ theirs: JSON, _ ours: JSON) -> Bool {
        guard let theirs = try? theirs.base64(), let ours = try? ours.base64(),
            theirs.count != ours.count, !theirs.isEmpty
        else { return false }
        if ours.count > theirs.count {
            return ours.starts(with: theirs) && ends(ours).contains(theirs.count)
        }
        return theirs.starts(with: ours) && ends(theirs).last == ours.count
    }

    /// Where the whole batches end.
    private static func ends(_ bytes: [UInt8]) -> [Int] {
        var ends: [Int] = []
        var start = 0
        while bytes.count - start >= 12 {
            let length = bytes[start + 8..<start + 12].reduce(0) { $0 << 8 | Int($1) }
            guard length <= bytes.count - start - 12 else { break }
            start += 12 + length
            ends.append(start)
        }
        return ends
    }

    private static func isPrefix(_ theirs: JSON?, _ ours: JSON) -> Bool {
        guard case .array(let theirs)? = theirs, case .array(let ours) = ours else { return false }
        return theirs.allSatisfy(ours.contains)
    }
}
