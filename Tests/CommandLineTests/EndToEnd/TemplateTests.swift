import Foundation
import Testing

extension EndToEnd {
    /// `millrace new`, for every template. Their jobs and tests are compiled and run as targets of
    /// this package.
    @Suite(.serialized) struct TemplateTests {
        private static let words: [String] = {
            let path = Millrace.root.appending(path: "Templates").path
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            return names.filter { !$0.hasPrefix(".") }.sorted()
        }()

        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test func `every folder of templates is one, in the help and the completions too`() throws
        {
            #expect(Self.words == ["dedup", "dlq", "join", "saga", "window", "word-count"])
            let help = try Millrace.succeed("new", "--help").output
            for word in Self.words { #expect(help.contains("  \(word): ")) }
            let script = """
                source <('\(Millrace.executable.path)' completions bash)
                COMP_WORDS=(millrace new Mine --template ''); COMP_CWORD=4; _millrace
                printf '%s\\n' "${COMPREPLY[@]}"
                """
            #expect(try Millrace.shell(script).lines.sorted() == Self.words)
        }

        @Test func `an unknown template is refused with those there are and the nearest`() throws {
            let outcome = try Millrace.run("new", "Mine", "--template", "windows")
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("word-count, window, join, dedup, dlq, saga"))
            #expect(outcome.errors.contains("did you mean 'window'?"))
        }

        @Test(arguments: [("Order", "saga"), ("Topics", "word-count"), ("Millrace", "join")])
        func `a name that the template needs for something else is refused`(
            name: String,
            word: String
        ) throws {
            let path = folder.path(name)
            let outcome = try Millrace.run("new", name, "--path", path, "--template", word)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("the name is taken"))
            #expect(!FileManager.default.fileExists(atPath: path))
        }

        @Test(arguments: words)
        func `a new job has its own name everywhere`(word: String) throws {
            let path = folder.path("Mine")
            try Millrace.succeed("new", "Mine", "--path", path, "--template", word)
            let files = try FileManager.default.subpathsOfDirectory(atPath: path)
            #expect(files.contains("Sources/Mine/Mine.swift"))
            #expect(files.contains("Tests/MineTests/MineTests.swift"))
            #expect(files.contains(".gitignore"))
            #expect(files.allSatisfy { !$0.lowercased().contains("template") })
            for file in files {
                guard let text = try? String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
                else { continue }
                // What stands in the manifest is the path of this checkout.
                let own = text.replacing(Millrace.root.path, with: "")
                #expect(!own.lowercased().contains("template"), "\(file)")
            }
            let source = try String(
                contentsOfFile: "\(path)/Sources/Mine/Mine.swift",
                encoding: .utf8
            )
            #expect(source.contains("static let name = \"mine\""))
        }

        @Test(arguments: words)
        func `the commands of a template's page do what it says`(word: String) throws {
            let name = word.split(separator: "-").map(\.capitalized).joined() + "Template"
            let path = folder.path(name)
            try Millrace.succeed("new", name, "--path", path, "--template", word)
            let page = try String(contentsOfFile: "\(path)/README.md", encoding: .utf8)
            try PageCheck(folder: folder, path: path, job: name).expectOutput(of: page)
        }

        @Test(arguments: [
            ("WordCount", "WordCount"), ("FlightDelays", "FlightWeather"), ("Orders", "Orders"),
            ("Sessions", "Sessions"),
        ])
        func `the commands of a job's page do what it says`(package: String, job: String) throws {
            let path = Millrace.root.appending(path: "Jobs/\(package)").path
            let page = try String(contentsOfFile: "\(path)/README.md", encoding: .utf8)
            try PageCheck(folder: folder, path: path, job: job).expectOutput(of: page)
        }
    }
}

/// Runs the commands of a job's page, in its folder, with the job as it is built beside the tests.
struct PageCheck {
    let folder: TemporaryFolder
    /// The folder of the job.
    let path: String
    let job: String

    /// The indented lines are commands; what they print is in a block of text, as it stands there:
    /// so few records are printed partition by partition, each in the order of its offsets.
    func expectOutput(of page: String) throws {
        let (commands, expected) = parts(of: page)
        #expect(commands.contains { $0.contains("millrace run") })
        let link = folder.path("jobs/\(job)")
        try FileManager.default.createDirectory(
            atPath: folder.path("jobs"),
            withIntermediateDirectories: true
        )
        try FileManager.default.createSymbolicLink(
            at: URL(filePath: link),
            withDestinationURL: Millrace.executable.deletingLastPathComponent()
                .appending(path: "JobsUnderTest")
        )
        // What is built beside the tests is no package.
        let script = commands.map {
            $0.replacing(/millrace run \.( --product [A-Za-z]+)?/, with: "millrace run '\(link)'")
        }
        let data = folder.path("data")
        let outcome = try Millrace.shell(
            """
            set -e
            cd '\(path)'
            millrace() {
                case $1 in
                consume) '\(Millrace.executable.path)' "$@" --data '\(data)' ;;
                *) '\(Millrace.executable.path)' "$@" --data '\(data)' >&2 ;;
                esac
            }
            \(script.joined(separator: "\n"))
            """
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.lines == expected)
    }

    /// The indented lines of a page, and the lines of its blocks of text.
    private func parts(of page: String) -> (commands: [Substring], expected: [String]) {
        var commands: [Substring] = []
        var expected: [String] = []
        var block: Substring?
        for line in page.split(separator: "\n") {
            if line.hasPrefix("```") {
                block = block == nil ? line : nil
            } else if block == "```text" {
                expected.append(String(line))
            } else if block == nil, line.hasPrefix("    ") {
                commands.append(line)
            }
        }
        return (commands, expected)
    }
}
