import Foundation

/// The rules for documents and scripts.
enum DocumentRules {
    static let scriptLineLimit = 40

    /// Exactly one heading of the first level.
    static func headings(in file: SourceFile) -> [String] {
        let count = textLines(of: file).filter { $0.1.hasPrefix("# ") }.count
        return count == 1 ? [] : ["\(file.path): \(count) headings of the first level, not one"]
    }

    /// The relative targets of links that lead nowhere.
    static func links(in file: SourceFile, exists: (String) -> Bool) -> [String] {
        var findings: [String] = []
        for (number, line) in textLines(of: file) {
            for target in linkTargets(in: line) {
                if target.contains("://") || target.hasPrefix("#") || target.hasPrefix("mailto:") {
                    continue
                }
                let path = String(target.prefix { $0 != "#" })
                if !exists(resolve(path, from: file.path)) {
                    findings.append("\(file.path):\(number): the link to '\(target)' leads nowhere")
                }
            }
        }
        return findings
    }

    /// The lines outside of code blocks.
    private static func textLines(of file: SourceFile) -> [(Int, String)] {
        var isCode = false
        var result: [(Int, String)] = []
        for (index, line) in file.lines.enumerated() {
            if line.hasPrefix("```") {
                isCode.toggle()
            } else if !isCode && !line.hasPrefix("    ") {
                result.append((index + 1, line))
            }
        }
        return result
    }

    private static func linkTargets(in line: String) -> [String] {
        var targets: [String] = []
        var rest = line[...]
        while let open = rest.range(of: "](") {
            rest = rest[open.upperBound...]
            guard let close = rest.firstIndex(of: ")") else { break }
            targets.append(String(rest[..<close]))
            rest = rest[close...]
        }
        return targets
    }

    /// `path` as seen from the folder of the file `origin`.
    static func resolve(_ path: String, from origin: String) -> String {
        var parts = origin.split(separator: "/").dropLast().map(String.init)
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        return parts.joined(separator: "/")
    }

    /// The targets that the architecture names: the first cells of its table rows.
    static func namedTargets(in file: SourceFile) -> Set<String> {
        var names: Set<String> = []
        for line in file.lines where line.hasPrefix("| `") {
            let cell = line.dropFirst(2).prefix { $0 != "|" }
            for (index, part) in cell.split(separator: "`").enumerated() where index % 2 == 0 {
                names.insert(String(part))
            }
        }
        return names
    }

    static func scriptLength(of file: SourceFile) -> [String] {
        guard let first = file.lines.first, first.hasPrefix("#!"), first.hasSuffix("sh"),
            file.lines.count > scriptLineLimit
        else { return [] }
        return ["\(file.path): \(file.lines.count) lines of shell, at most \(scriptLineLimit)"]
    }
}
