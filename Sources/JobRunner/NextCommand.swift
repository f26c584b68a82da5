/// A command of Millrace's for the data directory of the one that failed, as a shell takes it: what
/// an error names as the next step.
package func nextCommand(_ words: String, data: String) -> String {
    "millrace \(words) --data \(shellWord(data))"
}

/// A word as a shell takes it, quoted only where it must be.
package func shellWord(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            || "/._-+,:@%=".utf8.contains(byte)
    }
    guard !isPlain || text.isEmpty else { return text }
    return "'"
        + text.split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: "'\\''") + "'"
}

/// A path that no tool takes for an option, though it begins with a dash.
package func plainPath(_ path: String) -> String { path.hasPrefix("-") ? "./" + path : path }

/// A path as a shell takes it where it stands by itself.
package func shellPath(_ path: String) -> String { shellWord(plainPath(path)) }
