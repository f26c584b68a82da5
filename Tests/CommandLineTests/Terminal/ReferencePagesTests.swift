import Terminal
import Testing

/// A program's reference as Markdown.
@Suite struct ReferencePagesTests {
    private static let open = Command(
        "open",
        summary: "open a box",
        discussion: "It must be *shut*.\nWords:\n  a: one\n  b: two\n\nMore.",
        parameters: [
            Parameter.argument(ValueKind<String>.text("BOX"), help: "which").declaration,
            Parameter.option("times", .integer(1...9), default: 2, help: "a | b").declaration,
        ],
        examples: [.init("tool box open x", "opens x")],
        exits: [.init("1", "it is locked"), .init("2", "it is empty")]
    ) { _ in .done }

    private static let hidden = Command(
        "hidden",
        summary: "nobody is told",
        parameters: [],
        examples: [.init("tool hidden", "is not shown")],
        isHidden: true
    ) { _ in .done }

    private static let root = Command(
        "tool",
        summary: "a tool",
        examples: [.init("tool box open x", "opens x")],
        subcommands: [
            Command(
                "box",
                summary: "boxes",
                examples: [.init("tool box open x", "opens x")],
                subcommands: [open]
            ), hidden,
        ]
    )

    @Test func `a page has options, defaults, exit codes and examples of its commands`() {
        let pages = ReferencePages(of: Self.root, introduction: "All.").pages
        #expect(pages.map(\.name) == ["README.md", "box.md"])
        #expect(pages[0].text.hasPrefix("# Reference\n\nAll.\n\n| Page |  |\n| --- | --- |\n"))
        #expect(pages[0].text.contains("| [`tool box`](box.md) | boxes |"))
        #expect(
            pages[1].text == """
                # tool box

                boxes

                | Command |  |
                | --- | --- |
                | [`open`](#tool-box-open) | open a box |

                ## tool box open

                open a box

                    tool box open BOX [options]

                It must be \\*shut\\*.
                Words:

                    a: one
                    b: two

                More.

                | Argument |  |
                | --- | --- |
                | `BOX` | which |

                | Option |  | Default |
                | --- | --- | --- |
                | `--times N` | a \\| b | 2 |

                | Exit code | Meaning |
                | --- | --- |
                | 0 | done |
                | 1 | it is locked |
                | 2 | it is empty |
                | 64 | the command line makes no sense |

                    # opens x
                    tool box open x

                """
        )
    }

    @Test func `help has the exit codes that a command has besides, and no hidden command`() {
        let page = HelpText.page(of: Self.open, path: ["tool", "box", "open"])
        #expect(page.contains("Exit codes:\n  0   done\n  1   it is locked\n  2   it is empty\n"))
        let root = HelpText.page(of: Self.root, path: ["tool"])
        #expect(!root.contains("hidden"))
        #expect(!root.contains("Exit codes"))
        #expect(!Completions.script(for: Self.root, shell: .bash).contains("hidden"))
    }

    @Test(arguments: [20, 30, 40, 60, 100])
    func `help breaks its lines between words where the terminal is narrow`(width: Int) {
        let whole = HelpText.page(of: Self.open, path: ["tool", "box", "open"])
        let page = HelpText.page(of: Self.open, path: ["tool", "box", "open"], width: width)
        let words = { (text: String) -> [Substring] in text.split { $0 == " " || $0 == "\n" } }
        #expect(words(page) == words(whole))
        for line in page.split(separator: "\n") where line.count > width {
            // A single word, or what is there to be copied.
            let isCopied = line.contains("tool box open")
            #expect(isCopied || words(String(line)).count == 1, "\(line)")
        }
    }
}
