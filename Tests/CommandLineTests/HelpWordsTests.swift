import Terminal
import Testing

@testable import ClientCommands
@testable import MillraceCommand

/// The words that people read.
@Suite struct HelpWordsTests {
    /// All commands below one, itself included.
    private func commands(below command: Command) -> [Command] {
        [command] + command.subcommands.flatMap(commands)
    }

    @Test func `help does not list its choices a second time`() {
        for command in commands(below: MillraceCommand.root) {
            for parameter in command.parameters where !parameter.choices.isEmpty {
                let words = parameter.help.split { !$0.isLetter && $0 != "-" }.map(String.init)
                let twice = parameter.choices.filter(words.contains)
                #expect(
                    twice.count < parameter.choices.count,
                    "\(command.name) \(parameter.spelling): \(twice)"
                )
            }
        }
    }

    @Test func `a sentence of others goes on as our words do`() {
        let failure = CommandFailure("no", reason: "Topic 'a' is internal.")
        #expect(failure.reason == "Topic 'a' is internal")
        #expect(CommandFailure("no", reason: "and so on ...").reason == "and so on ...")
    }

    @Test func `null is told from the text`() {
        func shown(_ text: String) -> String {
            var text = text
            return text.withUTF8 {
                LetterText.shown(orNull: UnsafeRawBufferPointer($0), limit: 100)
            }
        }
        #expect(LetterText.shown(orNull: nil, limit: 100) == "null")
        #expect(shown("null") == "\"null\"" && shown("\"null\"") == "\"\"null\"\"")
        #expect(shown("nulls") == "nulls" && shown("\"a\"") == "\"a\"" && shown("") == "")
    }
}
