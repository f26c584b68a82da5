import Terminal
import Testing

@Suite struct ArgumentParserTests {
    private static let topic = Parameter.argument(ValueKind<String>.text("TOPIC"), help: "which")
    private static let files = Parameter.arguments(ValueKind<String>.path("FILE"), help: "what")
    private static let count = Parameter.option(
        "count",
        ValueKind<Int>.integer(1...10),
        default: 3,
        help: "how many"
    )
    private static let header = Parameter.repeated(
        "header",
        ValueKind<KeyValueArgument>.pair("K=V"),
        help: "headers"
    )
    private static let quiet = Parameter.flag("quiet", help: "say less")
    private static let wait = Parameter.optional("wait", .duration, help: "how long")

    private static let send = Command(
        "send",
        summary: "send things",
        parameters: [
            topic.declaration, files.declaration, count.declaration, header.declaration,
            quiet.declaration, wait.declaration,
        ],
        examples: [.init("tool send a", "sends")]
    ) { _ in .done }
    private static let root = Command(
        "tool",
        summary: "a tool",
        examples: [.init("tool send a", "sends")],
        subcommands: [
            send,
            Command(
                "box",
                summary: "boxes",
                examples: [.init("tool box open", "opens")],
                subcommands: [
                    Command(
                        "open",
                        summary: "open one",
                        parameters: [],
                        examples: [.init("tool box open", "opens")]
                    ) { _ in .done }
                ]
            ),
        ]
    )

    private func parse(_ words: String...) throws(UsageError) -> Invocation {
        switch try ArgumentParser(Self.root).parse(words) {
        case .run(_, let invocation): return invocation
        case .help: throw UsageError("help was shown")
        }
    }

    private func error(_ words: String...) -> UsageError? {
        do throws(UsageError) {
            _ = try ArgumentParser(Self.root).parse(words)
            return nil
        } catch { return error }
    }

    @Test func `values come typed, defaults where none is given`() throws {
        let invocation = try parse(
            "send",
            "orders",
            "--count",
            "7",
            "--header",
            "a=1",
            "x.txt",
            "--header=b=2=3",
            "--quiet",
            "y.txt",
            "--wait",
            "250ms"
        )
        #expect(invocation[Self.topic] == "orders")
        #expect(invocation[Self.files] == ["x.txt", "y.txt"])
        #expect(invocation[Self.count] == 7)
        #expect(invocation[Self.header].map(\.key) == ["a", "b"])
        #expect(invocation[Self.header].map(\.value) == ["1", "2=3"])
        #expect(invocation[Self.quiet])
        #expect(invocation[Self.wait] == .milliseconds(250))
        let plain = try parse("send", "orders")
        #expect(plain[Self.count] == 3)
        #expect(plain[Self.wait] == nil)
        #expect(!plain[Self.quiet])
    }

    @Test func `behind two dashes nothing is an option`() throws {
        let invocation = try parse("send", "orders", "--", "--quiet")
        #expect(invocation[Self.files] == ["--quiet"])
        #expect(!invocation[Self.quiet])
    }

    @Test func `a mistyped command gets a suggestion`() {
        let found = error("sned", "orders")
        #expect(found?.message == "unknown command 'sned'")
        #expect(found?.suggestion == "did you mean 'send'?")
        #expect(found?.path == ["tool"])
    }

    @Test func `a mistyped option gets a suggestion and names its command`() {
        let found = error("send", "orders", "--cuont", "2")
        #expect(found?.message == "unknown option '--cuont'")
        #expect(found?.suggestion == "did you mean '--count'?")
        #expect(found?.path == ["tool", "send"])
    }

    @Test(arguments: ["-x", "--frobnicate"])
    func `of a word with a dash it is said how it is a name`(word: String) {
        let advice = "TOPIC that begins with a dash goes behind --, at the end: -- \(word)"
        #expect(error("send", word)?.suggestion == advice)
        // Nothing is named there.
        #expect(error("box", "open", word)?.suggestion == nil)
        let near = error("send", "-count")?.suggestion
        #expect(near?.hasPrefix("did you mean '--count'? TOPIC that begins with a dash") == true)
    }

    @Test(arguments: [["--header", "k=\u{301}v"], ["--header=k=\u{301}v"]])
    func `a value may begin with a mark that combines`(words: [String]) throws {
        let outcome = try ArgumentParser(Self.root).parse(["send", "a"] + words)
        guard case .run(_, let invocation) = outcome else {
            Issue.record("no invocation")
            return
        }
        let headers = invocation[Self.header]
        #expect(headers.map { Array($0.key.utf8) } == [Array("k".utf8)])
        #expect(headers.map { Array($0.value.utf8) } == [Array("\u{301}v".utf8)])
    }

    @Test(arguments: [
        (["send"], "TOPIC is missing: which"),
        (["send", "a", "--count", "11"], "--count takes a whole number from 1 to 10, not '11'"),
        (["send", "a", "--count", "x"], "--count takes a whole number from 1 to 10, not 'x'"),
        (["send", "a", "--count"], "--count needs a value: --count N"),
        (["send", "a", "--count", "1", "--count", "2"], "--count is given twice"),
        (["send", "a", "--quiet=yes"], "--quiet takes no value"),
        (["send", "a", "--header", "x"], "--header takes K=V, with an = between, not 'x'"),
        (["box", "open", "more"], "'more' is one argument too many"),
    ])
    func `what makes no sense is refused in words`(words: [String], message: String) {
        do throws(UsageError) {
            _ = try ArgumentParser(Self.root).parse(words)
            Issue.record("it was accepted")
        } catch { #expect(error.message == message) }
    }

    @Test(arguments: [
        ["box", "open", "--help"], ["help", "box", "open"], ["box", "help", "open"],
        ["box", "--help", "open"],
    ])
    func `help is reached from both sides`(words: [String]) throws {
        guard case .help(let command, let path) = try ArgumentParser(Self.root).parse(words) else {
            Issue.record("no help")
            return
        }
        #expect(command.name == "open")
        #expect(path == ["tool", "box", "open"])
    }

    @Test func `a page of help has usage, options, defaults and an example`() {
        let page = HelpText.page(of: Self.send, path: ["tool", "send"])
        #expect(page.contains("Usage:\n  tool send TOPIC [FILE]... [options]"))
        #expect(page.contains("--count N     how many (default: 3)"))
        #expect(page.contains("Example:\n  tool send a\n      sends"))
    }

    @Test func `a refused command line ends with 64, and help with 0`() {
        #expect(Program(Self.root).run(["box", "opne"]) == .usage)
        #expect(Program(Self.root).run(["send", "a"]) == .done)
    }

    @Test func `an error shows its suggestion and the help that tells more`() {
        let text = Program.text(
            of: UsageError("unknown", suggestion: "did you mean 'x'?", path: ["tool", "send"]),
            program: "tool"
        )
        #expect(text == "error: unknown\n  did you mean 'x'?\n  next: tool send --help")
    }
}
