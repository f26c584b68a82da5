import Testing

/// The rules themselves, on small texts.
@Suite struct RuleTests {
    private func source(_ text: String, path: String = "Sources/Bytes/A.swift") -> SourceFile {
        SourceFile(path: path, text: text)
    }

    private func function(lines: Int) -> String {
        "struct A {\n    func a() {\n" + String(repeating: "        b()\n", count: lines - 2)
            + "    }\n}\n"
    }

    @Test func `a file over the limit is found, a generated one is not`() {
        let text = String(repeating: "let a = 1\n", count: 601)
        #expect(TidyRules.length(of: source(text)).count == 1)
        #expect(TidyRules.length(of: source(String(text.dropLast(10)))).isEmpty)
        #expect(TidyRules.length(of: source(text, path: "Sources/A/Generated/B.swift")).isEmpty)
    }

    @Test func `a function over the limit is found where it begins`() {
        #expect(TidyRules.functionLengths(in: source(function(lines: 70))).isEmpty)
        let findings = TidyRules.functionLengths(in: source(function(lines: 71)))
        #expect(findings.first?.hasPrefix("Sources/Bytes/A.swift:2: a function of 71") == true)
        #expect(findings.count == 1)
    }

    @Test func `a requirement of a protocol has no length`() {
        let text =
            "protocol A {\n    func a()\n" + String(repeating: "    func b()\n", count: 90)
            + "}\n"
        #expect(TidyRules.functionLengths(in: source(text)).isEmpty)
    }

    @Test func `a signature over several lines counts to its closing brace`() {
        let body = String(repeating: "        b()\n", count: 80)
        let text = "struct A {\n    func a(\n        b: Int\n    ) {\n\(body)    }\n}\n"
        #expect(TidyRules.functionLengths(in: source(text)).count == 1)
    }

    @Test(arguments: [
        "print(1)", "let a = Date()", "try! b()", "Task.detached {}", "// TODO: c",
        "next: \"millrace log verify\"",
    ])
    func `a banned word is found`(line: String) {
        #expect(TidyRules.bannedWords(in: source(line)).count == 1)
    }

    @Test(arguments: ["blueprint(1)", "self.print(1)", "isoDate()", "x.TODOs"])
    func `a longer name is not a banned word`(line: String) {
        #expect(TidyRules.bannedWords(in: source(line)).isEmpty)
    }

    @Test func `a target may be allowed a word`() {
        let file = source("print(1)", path: "Sources/Terminal/A.swift")
        #expect(TidyRules.bannedWords(in: file).isEmpty)
    }

    @Test func `an unchecked conformance needs its reason nearby`() {
        let bare = source("final class A: @unchecked Sendable {}")
        let explained = source("// SAFETY: one owner.\nfinal class A: @unchecked Sendable {}")
        #expect(TidyRules.safety(in: bare).count == 1)
        #expect(TidyRules.safety(in: explained).isEmpty)
    }

    @Test func `an import is read with its modifiers and checked against the table`() {
        let file = source("package import Bytes\n@testable import Broker\nimport struct Glibc.stat")
        #expect(TidyRules.imports(of: file).map(\.module) == ["Bytes", "Broker", "Glibc"])
        let findings = TidyRules.imports(in: file, allowed: ["Bytes": ["Glibc", "Bytes"]])
        #expect(findings == ["Sources/Bytes/A.swift:2: Bytes must not import Broker"])
        #expect(TidyRules.imports(in: file, allowed: [:]).count == 1)
    }

    @Test func `a document has one title`() {
        let two = SourceFile(path: "docs/a.md", text: "# A\n\n# B\n")
        let one = SourceFile(path: "docs/a.md", text: "# A\n```\n# not a title\n```\n")
        #expect(DocumentRules.headings(in: two).count == 1)
        #expect(DocumentRules.headings(in: one).isEmpty)
    }

    @Test func `a link is resolved from the folder of its document`() {
        let file = SourceFile(
            path: "docs/a.md",
            text: "[b](../b.md#part) [c](c.md) [d](https://d.org) [e](#e)"
        )
        let findings = DocumentRules.links(in: file) { $0 == "b.md" }
        #expect(findings == ["docs/a.md:1: the link to 'c.md' leads nowhere"])
    }

    @Test func `targets are read from the first cells of a table`() {
        let file = SourceFile(
            path: "docs/A.md",
            text: "| Target | x |\n|---|---|\n| `A` `B` | `C` |\n| `D` | e |"
        )
        #expect(DocumentRules.namedTargets(in: file) == ["A", "B", "D"])
    }

    @Test func `a long script is found`() {
        let text = "#!/bin/sh\n" + String(repeating: "true\n", count: 40)
        #expect(DocumentRules.scriptLength(of: SourceFile(path: "a", text: text)).count == 1)
    }
}
