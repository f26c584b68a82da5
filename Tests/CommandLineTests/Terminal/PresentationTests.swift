import Terminal
import Testing

@Suite struct PresentationTests {
    @Test(arguments: [
        ("sned", "send"), ("crate", "create"), ("desc", "describe"), ("lst", "list"),
    ])
    func `a slip finds its word`(word: String, expected: String) {
        let words = ["create", "delete", "describe", "list", "send"]
        #expect(Suggestion.nearest(to: word, among: words) == expected)
    }

    @Test(arguments: ["zebra", "x", "frobnicate"])
    func `another word finds none`(word: String) {
        #expect(Suggestion.nearest(to: word, among: ["create", "list"]) == nil)
    }

    @Test(arguments: [("nope", "one"), ("a", "b"), ("ab", "cd"), ("users", "orders")])
    func `a word that shares little is not near`(word: String, candidate: String) {
        #expect(Suggestion.nearest(to: word, among: [candidate]) == nil)
    }

    @Test(arguments: [("", "abc", 3), ("abc", "abc", 0), ("ab", "ba", 1), ("kitten", "sitting", 3)])
    func `edits are counted, a swap as one`(left: String, right: String, expected: Int) {
        #expect(Suggestion.editDistance(left, right) == expected)
    }

    @Test func `a table aligns its columns`() {
        var table = Table(("NAME", .left), ("COUNT", .right))
        table.add("a", "10,000")
        table.add("longer", "7")
        #expect(table.text == "NAME     COUNT\na       10,000\nlonger       7\n")
    }

    @Test func `a progress line shows share, rate and what is left`() {
        let line = ProgressBar.line(
            "restoring",
            done: 500_000,
            total: 1_000_000,
            elapsed: .seconds(2)
        )
        #expect(
            line == "restoring  [##########··········]  50%  500,000  250.0 k/s  ETA 2.0s"
        )
    }

    @Test func `of an unknown total the count and the rate are shown`() {
        let line = ProgressBar.line("producing", done: 1200, total: nil, elapsed: .seconds(4))
        #expect(line == "producing  1,200  300/s")
    }

    @Test(arguments: 20...100)
    func `no progress line is as wide as the terminal`(width: Int) {
        let states: [(Int, Int?)] = [
            (0, nil), (123_456_789, nil), (3, 7), (123_456_789, 987_654_321),
        ]
        for (done, total) in states {
            let line = ProgressBar.line(
                "a title of some length",
                done: done,
                total: total,
                elapsed: .seconds(4_000),
                width: width
            )
            #expect(line.count < width && !line.isEmpty)
        }
    }

    @Test func `a narrow terminal still has the share`() {
        let line = ProgressBar.line(
            "restoring",
            done: 500_000,
            total: 1_000_000,
            elapsed: .seconds(2),
            width: 20
        )
        #expect(line == "restoring  50%")
    }

    @Test(arguments: [
        ("error: it broke\n", "\u{1B}[1;31merror:\u{1B}[0m it broke\n"),
        ("warning: mind\n", "\u{1B}[1;33mwarning:\u{1B}[0m mind\n"),
        ("no error: here\n", "no error: here\n"),
    ])
    func `what kind of message it is has a colour`(text: String, expected: String) {
        #expect(TextOutput.coloured(text) == expected)
    }

    @Test func `a failure says what, where, why and what next`() {
        let failure = CommandFailure(
            "it broke",
            place: "here",
            reason: "for a reason",
            next: "try again"
        )
        #expect(
            failure.text
                == "error: it broke\n  where: here\n  why: for a reason\n  next: try again"
        )
    }
}
