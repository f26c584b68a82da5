import Foundation

/// The house rules that a text scan can check. Each returns one line per breach.
enum TidyRules {
    static let fileLineLimit = 600
    static let functionLineLimit = 70
    static let widthLimit = 100

    static func length(of file: SourceFile) -> [String] {
        guard !file.isGenerated, file.lines.count > fileLineLimit else { return [] }
        return ["\(file.path): \(file.lines.count) lines, at most \(fileLineLimit): split it"]
    }

    /// Functions longer than the limit: from the line that begins one to the brace at its indent.
    static func functionLengths(in file: SourceFile) -> [String] {
        guard !file.isGenerated else { return [] }
        var findings: [String] = []
        for (index, line) in file.lines.enumerated() where beginsFunction(line) {
            let indent = line.prefix { $0 == " " }
            let rest = file.lines[index...]
            guard let end = rest.firstIndex(where: { $0 == indent + "}" }) else { continue }
            // A one-line function, or a requirement of a protocol, ends before that brace.
            let following = file.lines[(index + 1)..<end]
            if following.contains(where: { endsDeclaration($0, before: indent) }) { continue }
            let count = end - index + 1
            if count > functionLineLimit {
                findings.append(
                    "\(file.path):\(index + 1): a function of \(count) lines, at most "
                        + "\(functionLineLimit): split it"
                )
            }
        }
        return findings
    }

    private static func beginsFunction(_ line: String) -> Bool {
        let words = line.split(separator: " ")
        guard let first = words.first, !first.hasPrefix("//"), !first.hasPrefix("///") else {
            return false
        }
        if line.hasSuffix("}") { return false }
        let starts = words.prefix(8)
        return starts.contains("func")
            || starts.contains { $0.hasPrefix("init(") }
                && !first.hasPrefix("self") && !first.hasPrefix("super") && first != "return"
    }

    /// A line no deeper than the function's own, other than the end of its signature.
    private static func endsDeclaration(_ line: String, before indent: Substring) -> Bool {
        guard !line.isEmpty, !line.hasPrefix("#") else { return false }
        let own = line.prefix { $0 == " " }
        guard own.count <= indent.count else { return false }
        let text = line.dropFirst(own.count)
        return
            !(text.hasPrefix(")") || text.hasPrefix("where") || text.hasPrefix("{")
            || text.hasPrefix("\"\"\"") || text.hasPrefix("#"))
    }

    static func width(of file: SourceFile) -> [String] {
        guard !file.isGenerated else { return [] }
        return file.lines.enumerated().compactMap { index, line in
            guard line.count > widthLimit, !line.contains("http"), !line.contains("@Test func `")
            else { return nil }
            return "\(file.path):\(index + 1): \(line.count) columns, at most \(widthLimit)"
        }
    }

    /// A word, what to write instead, and the targets that may use it.
    struct BannedWord {
        var word: String
        var instead: String
        var allowed: Set<String> = []
        var isAllowedInTests = false
    }

    static let bannedWords = [
        BannedWord(
            word: "print(",
            instead: "Terminal's TextOutput or Telemetry's Logger",
            allowed: ["Terminal", "DirectoryCommands", "ClientCommands", "GoldenVectors"],
            isAllowedInTests: true
        ),
        BannedWord(word: "Date()", instead: "a TimeSource", isAllowedInTests: true),
        BannedWord(word: "try!", instead: "a typed throw"),
        BannedWord(word: "Task.detached", instead: "a thread with an owner"),
        BannedWord(word: "@preconcurrency", instead: "a type that is Sendable"),
        BannedWord(word: "FIXME", instead: "an issue"),
        BannedWord(word: "TODO", instead: "an issue"),
        BannedWord(word: "fatalError(\"not", instead: "the missing code"),
        BannedWord(word: "catch {}", instead: "a handled error"),
        BannedWord(
            word: "Lock<@Sendable",
            instead: "a struct that holds the function: by itself it is wrapped anew at each look",
            isAllowedInTests: true
        ),
        BannedWord(word: "next: \"millrace topic", instead: "nextCommand(_:data:)"),
        BannedWord(word: "next: \"millrace log", instead: "nextCommand(_:data:)"),
    ]

    static func bannedWords(in file: SourceFile) -> [String] {
        guard file.target != "TidyTests", !file.isGenerated else { return [] }
        var findings: [String] = []
        for banned in bannedWords {
            if banned.isAllowedInTests && file.isTest { continue }
            if let target = file.target, banned.allowed.contains(target) { continue }
            for (index, line) in file.lines.enumerated() where contains(line, banned.word) {
                findings.append(
                    "\(file.path):\(index + 1): '\(banned.word)': use \(banned.instead)"
                )
            }
        }
        return findings
    }

    /// Whether `word` stands in `line` on its own, not at the end of a longer name.
    private static func contains(_ line: String, _ word: String) -> Bool {
        var rest = line[...]
        while let range = rest.range(of: word) {
            let before = rest[..<range.lowerBound].last
            if before.map({ !($0.isLetter || $0.isNumber || $0 == "." || $0 == "_") }) ?? true {
                return true
            }
            rest = rest[range.upperBound...]
        }
        return false
    }

    static let unsafeWords = [
        "@unchecked", "unsafeBitCast", "unsafeDowncast", "unsafelyUnwrapped",
        "nonisolated(unsafe)", "Unmanaged",
    ]

    /// What the compiler cannot check says in a `SAFETY:` line nearby why it is right.
    static func safety(in file: SourceFile) -> [String] {
        guard file.target != "TidyTests", !file.isGenerated else { return [] }
        return file.lines.enumerated().compactMap { index, line in
            let code = line.range(of: "//").map { line[..<$0.lowerBound] } ?? line[...]
            guard let word = unsafeWords.first(where: { code.contains($0) }) else { return nil }
            let nearby = file.lines[max(0, index - 10)...min(file.lines.count - 1, index + 8)]
            if nearby.contains(where: { $0.contains("SAFETY:") }) { return nil }
            return "\(file.path):\(index + 1): '\(word)' without a SAFETY: line nearby"
        }
    }

    /// The modules that a file imports, with their line numbers.
    static func imports(of file: SourceFile) -> [(line: Int, module: String)] {
        file.lines.enumerated().compactMap { index, line in
            // An indented line is text of a string literal.
            let words = line.split(separator: " ")
            guard line.first != " ", let at = words.firstIndex(of: "import"),
                at + 1 < words.count,
                words[..<at].allSatisfy({ importModifiers.contains(String($0)) })
            else { return nil }
            let kinds: Set<Substring> = ["struct", "class", "enum", "func", "protocol", "var"]
            let name = kinds.contains(words[at + 1]) ? words[at + 2] : words[at + 1]
            return (index + 1, String(name.prefix { $0 != "." }))
        }
    }

    private static let importModifiers: Set<String> = [
        "public", "package", "internal", "fileprivate", "private", "@testable", "@_exported",
        "@_spi(Testing)",
    ]

    static func imports(in file: SourceFile, allowed: [String: Set<String>]) -> [String] {
        guard file.path.hasPrefix("Sources/"), let target = file.target else { return [] }
        guard let allowed = allowed[target] else {
            return ["\(file.path): target \(target) is not in the table of imports"]
        }
        return imports(of: file).compactMap { line, module in
            allowed.contains(module)
                ? nil : "\(file.path):\(line): \(target) must not import \(module)"
        }
    }
}
