import Foundation
import Testing

/// What the guide shows is what is compiled here.
@Suite struct PageTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func files(in folder: String, ending: String) throws -> [String: String] {
        let path = root.appending(path: folder).path
        var texts: [String: String] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: path)
        where name.hasSuffix(ending) {
            texts[name] = try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
        }
        return texts
    }

    /// The examples between their marks, without the indentation they share.
    private static func examples() throws -> [String: String] {
        var examples: [String: String] = [:]
        for (file, text) in try files(in: "Tests/GuideTests/Examples", ending: ".swift") {
            var open: (name: String, lines: [String])?
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                let word = line.drop { $0 == " " }
                if word.hasPrefix("// begin: ") {
                    #expect(open == nil, "\(file): an example in an example")
                    open = (String(word.dropFirst(10)), [])
                } else if word.hasPrefix("// end: "), let example = open {
                    #expect(example.name == word.dropFirst(8))
                    examples[example.name] = unindented(example.lines)
                    open = nil
                } else {
                    open?.lines.append(String(line))
                }
            }
            #expect(open == nil, "\(file): an example without an end")
        }
        return examples
    }

    private static func unindented(_ lines: [String]) -> String {
        let indents = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }
        let indent = indents.min() ?? 0
        return lines.map { String($0.dropFirst(indent)) }.joined(separator: "\n")
    }

    /// The blocks of Swift of a page.
    private static func blocks(of page: String) -> [String] {
        var blocks: [String] = []
        var open: [Substring]?
        for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```swift" {
                open = []
            } else if line == "```", let lines = open {
                blocks.append(lines.joined(separator: "\n"))
                open = nil
            } else {
                open?.append(line)
            }
        }
        return blocks
    }

    @Test func `every example of the guide is compiled, and every compiled one is shown`() throws {
        let examples = try Self.examples()
        var unused = Set(examples.values)
        #expect(examples.count > 20)
        var pages = try Self.files(in: "docs/guide", ending: ".md")
        let reference = Self.root.appending(path: "docs/streams.md")
        pages["../streams.md"] = try String(contentsOf: reference, encoding: .utf8)
        for (name, page) in pages {
            for block in Self.blocks(of: page) {
                let isKnown = examples.values.contains(block)
                #expect(isKnown, "docs/guide/\(name) shows what is not compiled:\n\(block)")
                unused.remove(block)
            }
        }
        #expect(unused.isEmpty, "on no page:\n\(unused.joined(separator: "\n\n"))")
    }

    @Test func `the job on the first page is the template`() throws {
        let page = try String(
            contentsOf: Self.root.appending(path: "README.md"),
            encoding: .utf8
        )
        let source = "Templates/word-count/Sources/WordCountTemplate/WordCountTemplate.swift"
        let template = try String(contentsOf: Self.root.appending(path: source), encoding: .utf8)
            .replacing("WordCountTemplate", with: "Mine")
            .replacing("word-count-template", with: "mine")
        #expect(Self.blocks(of: page).map { $0 + "\n" } == [template])
    }
}
