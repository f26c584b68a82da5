import Testing

@testable import KafkaClient

/// What a client's settings of security say.
@Suite struct ClientSecurityTests {
    @Test(arguments: [
        #"org.apache.Plain required username="alice" password="open sesame";"#,
        "org.apache.Plain required username='alice' password='open sesame';",
        #"org.apache.Plain required username=alice password='open sesame' ;"#,
    ])
    func `a login is read as Java writes it, with either quote`(text: String) {
        let options = JAASOptions.read(text)
        #expect(options == ["username": "alice", "password": "open sesame"])
    }

    @Test func `one quote is a letter within the other`() {
        let options = JAASOptions.read(#"P required username="o'neil" password='say "x"';"#)
        #expect(options == ["username": "o'neil", "password": #"say "x""#])
    }
}
