import Terminal
import Testing

@testable import ClientCommands
@testable import RunCommands

@Suite struct RecordFormatTests {
    @Test func `letters and escapes are read as in kcat`() {
        #expect(
            RecordFormat("%t/%p@%o:%k=%s%%\\n")?.parts == [
                .topic, .text([47]), .partition, .text([64]), .offset, .text([58]), .key,
                .text([61]), .value, .text([37, 10]),
            ]
        )
        #expect(RecordFormat("%v")?.parts == [.value])
    }

    @Test(arguments: ["%", "%x", "a%"])
    func `an unknown letter is refused`(format: String) {
        #expect(RecordFormat(format) == nil)
    }

    @Test(arguments: [
        ("\\t", [9]), ("a\\nb", [97, 10, 98]), ("\\\\n", [92, 110]), ("\\0\\r", [0, 13]),
        ("\\x1e\\xFF", [0x1E, 0xFF]), ("é", [0xC3, 0xA9]), ("\\", [92]), ("", []),
    ])
    func `escapes are replaced`(text: String, expected: [UInt8]) {
        #expect(EscapedText(text)?.bytes == expected)
    }

    @Test(arguments: ["\\q", "a\\eb", "\\x", "\\x1", "\\xg0", "\\u0009", "\\ n", "\\é"])
    func `an unknown escape is refused`(text: String) {
        #expect(EscapedText(text) == nil)
        #expect(RecordFormat(text) == nil)
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ])
    func `base64 is that of RFC 4648`(text: String, expected: String) {
        #expect(Array(text.utf8).withUnsafeBytes(Base64.text) == expected)
    }

    @Test func `hexadecimal has two digits a byte`() {
        #expect([UInt8](arrayLiteral: 0, 15, 255).withUnsafeBytes(hexText) == "000fff")
    }

    @Test(arguments: [
        ("k=v", "=", "k", "v"), ("k==v", "==", "k", "v"), ("=v", "=", "", "v"),
        ("a-=b--=c", "--=", "a-=b", "c"),
    ])
    func `a line is cut at the first separator`(
        line: String,
        separator: String,
        key: String,
        value: String
    ) {
        Array(line.utf8).withUnsafeBytes { bytes in
            let parts = LineShape(separator: Array(separator.utf8)).parts(of: bytes)
            #expect(parts.key.map { String(decoding: $0, as: UTF8.self) } == key)
            #expect(parts.value.map { String(decoding: $0, as: UTF8.self) } == value)
        }
    }

    @Test func `a line without the separator has no key`() {
        Array("value".utf8).withUnsafeBytes { bytes in
            #expect(LineShape(separator: [9]).parts(of: bytes).key == nil)
        }
    }

    @Test func `a job is called by its type in small letters`() {
        #expect(JobTemplate.jobName(of: "OrderTotals") == "order-totals")
    }

    @Test(arguments: ["beginning", "end", "12", "2013-01-31", "2013-01-31T05:00:00Z"])
    func `a start is read`(text: String) {
        #expect(ReadingPlan.Start.kind.parse(text) != nil)
    }

    @Test(arguments: ["", "start", "-1", "12h"])
    func `what is no start is refused`(text: String) {
        #expect(ReadingPlan.Start.kind.parse(text) == nil)
    }
}
