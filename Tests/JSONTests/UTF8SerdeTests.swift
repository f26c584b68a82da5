import Serdes
import Testing

@Suite("Text as UTF-8")
struct UTF8SerdeTests {
    private static let alphabets = [
        "abcdefghij", "0123456789", "é", "日本", "🛶", "a\u{0}z", "zażółć",
    ]

    /// Texts of 0 to 40 characters: shorter and longer than what a String holds in itself.
    private static let texts: [String] = alphabets.flatMap { letters -> [String] in
        (0...40).map { count in
            let letters = Array(letters)
            return String((0..<count).map { letters[$0 % letters.count] })
        }
    }

    @Test func `bytes become the text that Swift makes of them`() throws {
        for text in Self.texts {
            let bytes = [0xff] + Array(text.utf8) + [0xff]
            let decoded = try bytes.withUnsafeBytes {
                try UTF8Serde().decode(UnsafeRawBufferPointer(rebasing: $0.dropFirst().dropLast()))
            }
            #expect(decoded == text)
            #expect(decoded.hashValue == text.hashValue)
            #expect(Array(decoded.utf8) == Array(text.utf8))
            #expect(decoded.count == text.count)
            #expect(decoded + "!" == text + "!")
        }
    }

    @Test func `a text becomes its bytes, behind what is there`() throws {
        for text in Self.texts {
            var sink = ByteSink(capacity: 16)
            sink.append(7)
            UTF8Serde().encode(text, into: &sink)
            UTF8Serde().encode(text, into: &sink)
            #expect(Array(sink.bytes) == [7] + Array(text.utf8) + Array(text.utf8))
        }
    }

    @Test func `bytes that are no text are refused, few or many`() {
        for count in 1...20 {
            for index in 0..<count {
                var bytes = [UInt8](repeating: 0x61, count: count)
                bytes[index] = 0xff
                #expect(throws: SerdeError.self) {
                    _ = try bytes.withUnsafeBytes { try UTF8Serde().decode($0) }
                }
            }
        }
    }
}
