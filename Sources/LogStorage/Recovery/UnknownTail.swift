/// Bytes at the end of a log that are not whole, where nobody knows any more whether they were
/// acknowledged. Only a person can give them up: this says which they are, and how.
struct UnknownTail: Equatable, Sendable, CustomStringConvertible {
    /// The segment in which they begin.
    var file: String
    /// Where the last whole batch ends.
    var position: Int64
    /// From there to the end of the file.
    var byteCount: Int64
    /// Segments behind it.
    var later: [String]

    /// A shell's command that takes them away.
    var command: String {
        let cut = "truncate --size=\(position) \(Self.quoted(file))"
        guard !later.isEmpty else { return cut }
        return (["rm"] + later.map(Self.quoted)).joined(separator: " ") + " && " + cut
    }

    var description: String {
        let segments = later.count == 1 ? "1 segment" : "\(later.count) segments"
        return "to go on with what is whole, stop, keep a copy of the folder, and take away the "
            + "last \(byteCount) bytes of the file, from byte \(position) on"
            + (later.isEmpty ? "" : ", and the \(segments) behind it")
            + ": \(command)"
    }

    private static func quoted(_ path: String) -> String {
        "'"
            + path.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "'\\''") + "'"
    }
}
