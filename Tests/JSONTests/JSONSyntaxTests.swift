import JSON
import Serdes
import Testing

@Suite("Text that is no JSON")
struct JSONSyntaxTests {
    @Test(arguments: [
        ("", "byte 0: the text ends, where a value is needed"),
        (" \n ", "byte 3: the text ends, where a value is needed"),
        (#"{"a":1,}"#, "byte 7: '}', where a key is needed"),
        (#"{"a" 1}"#, "byte 5: '1', where a colon is needed"),
        (#"{"a":1 "b":2}"#, "byte 7: '\"', where a comma or } is needed"),
        ("[1 2]", "byte 3: '2', where a comma or ] is needed"),
        ("[1,]", "byte 3: ']', where a value is needed"),
        ("{1:2}", "byte 1: '1', where a key or } is needed"),
        ("[}", "byte 1: '}', where a value or ] is needed"),
        ("[[1]", "byte 4: the text ends, where a comma or ] is needed"),
        ("{} x", "byte 3: 'x', where nothing more is needed"),
        ("nul", "byte 0: a word that is none of true, false and null"),
        ("[tru]", "byte 1: a word that is none of true, false and null"),
        ("[01]", "byte 1: a number that JSON does not allow"),
        ("[1.]", "byte 1: a number that JSON does not allow"),
        ("[1e+]", "byte 1: a number that JSON does not allow"),
        ("-", "byte 0: a number that JSON does not allow"),
        (#"["abc"#, "byte 5: the text ends within the string that begins at byte 1"),
        (#"["\q"]"#, "byte 2: an escape that JSON does not have"),
        (#"["\u12g4"]"#, #"byte 2: an escape \u without four hexadecimal digits"#),
        (#"["\ud800"]"#, "byte 2: half of a surrogate pair, which is no character by itself"),
        (#"["a\udc00"]"#, "byte 3: half of a surrogate pair, which is no character by itself"),
        (#"["\ud83d\u0041"]"#, "byte 2: half of a surrogate pair, which is no character by itself"),
        (
            #"["\ud83d\ud83d\ude00"]"#,
            "byte 2: half of a surrogate pair, which is no character by itself"
        ),
        (#"["\ud83dx"]"#, "byte 2: half of a surrogate pair, which is no character by itself"),
        ("[\"a\u{1}\"]", "byte 3: 0x1 within a string, which needs an escape"),
        ("\u{feff}{}", "byte 0: 0xef, where a value is needed"),
    ])
    func `an error says which byte`(text: String, expected: String) throws {
        let error = try #require(throws: SerdeError.self) {
            _ = try JSONDocument(parsing: Array(text.utf8))
        }
        #expect(error.reason == "not JSON: \(expected)")
    }

    @Test func `text that is not UTF-8, or too deep, says so`() throws {
        let bytes: [UInt8] = Array(#"{"a":""#.utf8) + [0xc3, 0x28] + Array(#""}"#.utf8)
        var error = try #require(throws: SerdeError.self) { _ = try JSONDocument(parsing: bytes) }
        #expect(error.reason == "not JSON: byte 5: a string that is not UTF-8")
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
        error = try #require(throws: SerdeError.self) { _ = try JSONDocument(parsing: deep) }
        #expect(error.reason == "not JSON: byte 1024: more than 1024 levels of nesting")
    }

    /// Of every text one byte away from a valid one, both checks must say the same.
    @Test func `a fault is found where the parser finds one`() throws {
        let text = Array(
            #"{"a":[1,-2.5e3,true,null,"x\n\u00e9\ud83d\ude00"],"b":{"c":false,"":[]}} "#.utf8
        )
        for index in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[index] = byte
                do { _ = try JSONDocument(parsing: changed) } catch {
                    let bytes = String(decoding: changed, as: UTF8.self)
                    #expect(error.reason.contains("byte "), "\(bytes): \(error.reason)")
                }
            }
        }
    }
}
