import Testing

@testable import ClientCommands

/// Properties files as `java.util.Properties` reads them.
@Suite struct JavaPropertiesTests {
    @Test(arguments: [
        ("a=b", ["a": "b"]), ("a = b ", ["a": "b"]), ("a: b", ["a": "b"]), ("a b", ["a": "b"]),
        ("a", ["a": ""]), ("a=b=c", ["a": "b=c"]), ("a\\=b=c", ["a=b": "c"]),
        ("a\\ b c", ["a b": "c"]), ("  a=b", ["a": "b"]), ("a=\\ b", ["a": " b"]),
        ("# a=b\n! c=d\n\ne=f", ["e": "f"]), ("a=b\r\nc=d\re=f", ["a": "b", "c": "d", "e": "f"]),
        ("a=b\\\n   c", ["a": "bc"]), ("a=b\\\r\n  c\nd=e", ["a": "bc", "d": "e"]),
        ("a=b\\\\\nc=d", ["a": "b\\", "c": "d"]), ("a=b\\\\\\\n c", ["a": "b\\c"]),
        ("a=b\\\n#c", ["a": "b#c"]), ("a=b\\", ["a": "b"]), ("a=b\\\n\nc=d", ["a": "b", "c": "d"]),
        ("a=\\t\\n\\r\\f\\z\\\"", ["a": "\t\n\r\u{C}z\""]),
        ("a=\\u00e4\\ud83d\\ude00", ["a": "ä😀"]),
        ("a=1\na=2", ["a": "2"]), ("a=ä", ["a": "ä"]), ("a==b", ["a": "=b"]), (":b", ["": "b"]),
        (
            "sasl.jaas.config=Module required \\\n  username=\"u\" \\\n  password=\"p\\\\w\";",
            ["sasl.jaas.config": "Module required username=\"u\" password=\"p\\w\";"]
        ),
    ])
    func `a file is read as Java reads it`(text: String, expected: [String: String]) {
        #expect(JavaProperties.read(text) == expected)
    }

    @Test(arguments: ["a=\\u12", "a=\\u12g4", "a=\\u+123", "\\u=b"])
    func `a code without four digits is refused`(text: String) {
        #expect(JavaProperties.read(text) == nil)
    }
}
