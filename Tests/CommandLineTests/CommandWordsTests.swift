import Terminal
import Testing

@testable import DirectoryAccess

/// Commands that errors name, as a shell takes them.
@Suite struct CommandWordsTests {
    private func command(_ words: CommandWords) -> String { nextCommand(words, data: "my data") }

    @Test func `a name stands where it belongs, quoted where it must be`() {
        #expect(
            command("topic create \(argument: "an other") --partitions \(4)")
                == "millrace topic create 'an other' --partitions 4 --data 'my data'"
        )
        #expect(command("log verify") == "millrace log verify --data 'my data'")
    }

    @Test func `what begins as options do stands behind a double dash`() {
        #expect(
            command("topic create \(argument: "-dash") --partitions \(4)")
                == "millrace topic create --partitions 4 --data 'my data' -- -dash"
        )
        #expect(
            command("txn abort \(argument: "--it's")")
                == #"millrace txn abort --data 'my data' -- '--it'\''s'"#
        )
    }

    @Test(arguments: [
        "a\u{1b}[31mred", "two\nlines", "it's\t\\ \u{7}f", "right\u{202e}left", "é\u{85}1",
    ])
    func `what a terminal would not show is escaped, and is the same word to a shell`(
        name: String
    ) throws {
        let word = shellWord(name)
        #expect(!hasUnseen(word), "\(word)")
        let outcome = try Millrace.shell("printf %s \(word) | od -An -tx1 | tr -d ' \\n'")
        let bytes = name.utf8.map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }
        #expect(outcome.output == bytes.joined())
        let failure = CommandFailure(
            "no group '\(name)'",
            place: name,
            reason: "it is\n  \(name)",
            next: "millrace group describe \(word)"
        )
        let lines = failure.text.split(separator: "\n")
        #expect(lines.allSatisfy { !hasUnseen(String($0)) }, "\(failure.text)")
        #expect(lines[0] == "error: no group '\(visible(name))'")
        #expect(lines[1] == "  where: \(visible(name))")
        #expect(lines.last == "  next: millrace group describe \(word)")
    }
}
