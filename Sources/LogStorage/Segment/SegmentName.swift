package import LogModel

/// The names of a segment's files: its base offset with 20 digits, and what the file holds.
package enum SegmentName {
    /// `00000000000000000042`.
    package static func base(_ offset: Offset) -> String {
        let digits = String(offset.rawValue)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    /// The base offset in a file's name of this kind; nil for other names.
    package static func offset(in name: String, _ kind: SegmentFile) -> Offset? {
        guard name.hasSuffix(kind.rawValue) else { return nil }
        let digits = name.dropLast(kind.rawValue.utf8.count)
        guard digits.utf8.count == 20, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        return Int64(digits).map { Offset($0) }
    }
}
