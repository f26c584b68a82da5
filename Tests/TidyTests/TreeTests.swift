import Testing

/// The rules over the whole repository.
@Suite struct TreeTests {
    private let tree = SourceTree()
    private var swiftFiles: [SourceFile] {
        tree.files(
            below: ["Sources", "Tests", "Jobs", "Templates", "Benchmarks"],
            endings: [".swift"]
        )
    }
    private var documents: [SourceFile] {
        tree.files(below: ["docs", "Jobs", "Templates", "Tests", "Sources"], endings: [".md"])
            + [tree.file("README.md")].compactMap { $0 }
    }

    private func expectNone(_ findings: [String]) {
        let text = findings.joined(separator: "\n")
        #expect(findings.isEmpty, "\(text)")
    }

    @Test func `files and functions are short`() {
        let files = swiftFiles
        #expect(files.count > 50)
        expectNone(files.flatMap(TidyRules.length))
        expectNone(files.flatMap(TidyRules.functionLengths))
    }

    @Test func `lines fit the width`() {
        expectNone(swiftFiles.flatMap(TidyRules.width))
    }

    @Test func `no banned word is used`() {
        expectNone(swiftFiles.flatMap(TidyRules.bannedWords))
    }

    @Test func `what the compiler cannot check is explained`() {
        expectNone(swiftFiles.flatMap(TidyRules.safety))
    }

    @Test func `each target imports only what lies below it`() {
        expectNone(swiftFiles.flatMap { TidyRules.imports(in: $0, allowed: AllowedImports.table) })
    }

    @Test func `the architecture names every target and no other`() throws {
        let architecture = try #require(tree.file("docs/ARCHITECTURE.md"))
        let targets =
            tree.folders(in: "Sources")
            + tree.folders(in: "Benchmarks").map { "Benchmark\($0)" }
        #expect(DocumentRules.namedTargets(in: architecture) == Set(targets))
    }

    @Test func `documents have one title and links that lead somewhere`() {
        expectNone(documents.flatMap(DocumentRules.headings))
        expectNone(documents.flatMap { DocumentRules.links(in: $0, exists: tree.exists) })
    }

    @Test func `scripts are short`() {
        expectNone(
            tree.files(below: ["scripts", ".ci"], endings: [""])
                .flatMap(DocumentRules.scriptLength)
        )
    }
}
