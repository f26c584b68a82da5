import Testing

@testable import Coordination

@Suite struct TopicPatternTests {
    @Test(arguments: [
        ("orders", "orders", true), ("orders", "orders2", false), ("orders", "my-orders", false),
        ("orders.*", "orders", true), ("^orders.*$", "orders-eu", true), (".*", "", true),
        ("a|bc|", "bc", true), ("a|bc|", "", true), ("a|bc|", "b", false),
        ("(eu|us)-[a-c]+[0-9]?", "us-abc7", true), ("(eu|us)-[a-c]+[0-9]?", "us-7", false),
        ("[^.]+\\.log", "a.log", true), ("[^.]+\\.log", "a.b.log", false),
        ("t{2,3}", "t", false), ("t{2,3}", "ttt", true), ("t{2,3}", "tttt", false),
        ("t{2,}", "ttttt", true), ("t{2}", "tt", true), ("t{x}", "t{x}", true),
        ("\\d+_\\w*", "12_ab", true), ("\\D\\S", "ab", true), ("\\Qa.b\\E.", "a.bc", true),
        ("\\Qa.b\\E.", "axbc", false), ("(?:ab)+?", "abab", true), ("(?P<n>a)", "a", true),
        ("a.*\\bb", "a-b", true), ("a.*\\bb", "aab", false), ("[]a]", "]", true),
        ("[a-]", "-", true), ("[\\w.]+", "a.b", true), ("é|x", "x", true),
        ("(a*)*b", "aaab", true), ("a^b", "ab", false),
        ("(x+x+)+y", "xxxxxxxxxxxxxxxxxxxxxxxx", false),
    ])
    func `a name matches as a whole`(text: String, name: String, isMatch: Bool) throws {
        #expect(try TopicPattern(text).matches(name) == isMatch)
    }

    @Test(arguments: [
        ("[", "missing closing ]"), ("(", "missing closing )"), (")", "unexpected )"),
        ("*", "missing argument to repetition operator: *"),
        ("a**", "invalid nested repetition operator: **"),
        ("\\", "trailing \\ at end of expression"), ("[z-a]", "invalid character class range: z-a"),
        ("a{3,2}", "invalid repeat count: {3,2}"), ("a{1001}", "invalid repeat count: {1001}"),
        ("\\1", "invalid escape sequence: \\1"), ("\\pL", "invalid escape sequence: \\p"),
        ("(?i)a", "invalid or unsupported Perl syntax: (?"),
        ("[[:alpha:]]", "invalid character class range: [:"), ("(?P<>a)", "invalid named capture"),
        ("((a{100}){100}){100}", "expression too large"),
        ("((((){1000}){1000}){1000}){1000}", "expression too large"),
    ])
    func `what is no expression is refused in words`(text: String, words: String) {
        #expect(throws: TopicPatternError(words)) { try TopicPattern(text) }
    }

    @Test func `depth and length are bounded`() {
        let deep = String(repeating: "(", count: 4_000)
        #expect(throws: TopicPatternError("expression nests too deeply")) { try TopicPattern(deep) }
        let long = String(repeating: "a", count: 5_000)
        #expect(throws: TopicPatternError("too long")) { try TopicPattern(long) }
    }
}
