import Testing

@testable import JobRunner

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
}
