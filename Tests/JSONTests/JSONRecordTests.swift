import JSON
import Serdes
import Testing

@Suite("JSON that a type reads and writes itself")
struct JSONRecordTests {
    struct Line: JSONRecord, Equatable {
        var sku: String
        var count: Int64

        init(sku: String, count: Int64) {
            self.sku = sku
            self.count = count
        }

        init(json: inout JSONObject) throws {
            sku = try json.string("sku")
            count = try json.int64("count")
        }

        func write(to json: inout JSONWriter) {
            json.member("sku", sku)
            json.member("count", count)
        }
    }

    struct Order: JSONRecord, Equatable {
        var id: Int64
        var total: Double
        var isPaid: Bool
        var first: Line
        var lines: [Line]
        var note: String?

        init(id: Int64, total: Double, isPaid: Bool, first: Line, lines: [Line], note: String?) {
            self.id = id
            self.total = total
            self.isPaid = isPaid
            self.first = first
            self.lines = lines
            self.note = note
        }

        init(json: inout JSONObject) throws {
            id = try json.int64("id")
            total = try json.double("total")
            isPaid = try json.bool("isPaid")
            first = try json.record("first")
            lines = try json.array("lines") { try $0.requireRecord() }
            note = try json.ifPresent("note") { try $0.requireString() }
        }

        func write(to json: inout JSONWriter) {
            json.member("id", id)
            json.member("total", total)
            json.member("isPaid", isPaid)
            json.member("first", first)
            json.array("lines") { json in for line in lines { json.value(line) } }
            if let note { json.member("note", note) }
        }
    }

    static let order = Order(
        id: .min,
        total: 12.25,
        isPaid: false,
        first: Line(sku: "x\u{7f}\u{0}", count: 0),
        lines: [Line(sku: "", count: .max), Line(sku: "ü", count: -1)],
        note: "line\r\nbreak"
    )

    @Test func `a record reads back as it was written`() throws {
        let text = try written(Self.order, .json(Order.self))
        #expect(try read(text, .json(Order.self)) == Self.order)
        #expect(
            String(decoding: text, as: UTF8.self)
                == ##"{"id":-9223372036854775808,"total":12.25,"isPaid":false,"##
                + ##""first":{"sku":"x\##u{7f}\u0000","##
                + ##""count":0},"lines":[{"sku":"","count":9223372036854775807},"##
                + ##"{"sku":"ü","count":-1}],"note":"line\r\nbreak"}"##
        )
    }

    @Test(arguments: 1..<20)
    func `a byte that has to be escaped is found at each place of a string`(count: Int) throws {
        let escapes = ["\"": #"\""#, "\\": #"\\"#, "\n": #"\n"#, "\u{1f}": #"\u001f"#]
        let plain = Array("abcdefghijklmnopqrstü".prefix(count))
        let whole = String(plain)
        #expect(
            try written(Line(sku: whole, count: 1), .json(Line.self))
                == Array(#"{"sku":"\#(whole)","count":1}"#.utf8)
        )
        for place in 0..<count {
            for (byte, escape) in escapes {
                let (before, after) = (String(plain[..<place]), String(plain[(place + 1)...]))
                let line = Line(sku: before + byte + after, count: 1)
                let text = try written(line, .json(Line.self))
                #expect(
                    String(decoding: text, as: UTF8.self)
                        == #"{"sku":"\#(before + escape + after)","count":1}"#
                )
                #expect(try read(text, .json(Line.self)) == line)
            }
        }
    }

    struct Keys: JSONRecord, Equatable {
        var values: [Int64]
        init(values: [Int64]) { self.values = values }
        init(json: inout JSONObject) throws {
            values = [
                try json.int64("a"), try json.int64("ab"), try json.int64("abd"),
                try json.int64("abcd"), try json.int64("abcdefg"), try json.int64("abcdefgh"),
                try json.int64("abcdefghi"), try json.int64("abcdefghijklmnop"),
                try json.int64("abcdefghijklmnopq"), try json.int64("a\"b"), try json.int64(""),
            ]
        }
        func write(to json: inout JSONWriter) {
            json.member("a", values[0])
            json.member("ab", values[1])
            json.member("abd", values[2])
            json.member("abcd", values[3])
            json.member("abcdefg", values[4])
            json.member("abcdefgh", values[5])
            json.member("abcdefghi", values[6])
            json.member("abcdefghijklmnop", values[7])
            json.member("abcdefghijklmnopq", values[8])
            json.member("a\"b", values[9])
            json.member("", values[10])
        }
    }

    @Test func `keys of all lengths are written and found among those that are nearly the same`()
        throws
    {
        let keys = Keys(values: Array(1...11))
        let text = try written(keys, .json(Keys.self))
        #expect(
            String(decoding: text, as: UTF8.self)
                == #"{"a":1,"ab":2,"abd":3,"abcd":4,"abcdefg":5,"abcdefgh":6,"abcdefghi":7,"#
                + #""abcdefghijklmnop":8,"abcdefghijklmnopq":9,"a\"b":10,"":11}"#
        )
        #expect(try read(text, .json(Keys.self)) == keys)
        let others = [
            "b", "aa", "abc", "abce", "abcdxfg", "abcdefgx", "xbcdefghi", "abcdefghxjklmnop",
        ]
        let unknown = others.map { #""\#($0)":0,"# }.joined()
        let mixed = Array(("{" + unknown + String(decoding: text, as: UTF8.self).dropFirst()).utf8)
        #expect(try read(mixed, .json(Keys.self)) == keys)
    }

    @Test func `members are found in any order`() throws {
        let line = try read(Array(#"{"count":2,"other":[{}],"sku":"a"}"#.utf8), .json(Line.self))
        #expect(line == Line(sku: "a", count: 2))
    }

    @Test(arguments: [
        (#"{"sku":"a"}"#, "count: absent"),
        (#"{"sku":1,"count":1}"#, "sku: the number 1, where a string is needed"),
        (
            #"{"sku":"a","count":null}"#, "count: null, where an integer is needed"
        ),
        ("7", "the number 7, where an object is needed"),
    ])
    func `an error says where and why`(text: String, expected: String) throws {
        let error = try #require(throws: SerdeError.self) {
            try read(Array(text.utf8), .json(Line.self))
        }
        #expect(error.reason == expected)
    }

    @Test func `an error names the path through arrays`() throws {
        let text =
            #"{"id":1,"total":1,"isPaid":true,"first":{"sku":"","count":1},"#
            + #""lines":[{"sku":"a","count":true}]}"#
        let error = try #require(throws: SerdeError.self) {
            try read(Array(text.utf8), .json(Order.self))
        }
        #expect(error.reason == "lines[0].count: a truth value, where an integer is needed")
    }

    @Test func `a parsed value is written without blanks`() throws {
        struct Copy: JSONRecord {
            var text: String
            init(json: inout JSONObject) throws {
                guard let value = json.find("value") else { throw JSONError("no value") }
                var sink = ByteSink()
                value.writeText(into: &sink)
                text = String(decoding: sink.bytes, as: UTF8.self)
            }
            func write(to json: inout JSONWriter) {}
        }
        let text =
            #"{ "value" : { "a" : [ ], "b" : [ 1 , -2 , 2.5, true, null, { } ], "c": "\"" } }"#
        let copy = try read(Array(text.utf8), .json(Copy.self))
        #expect(copy.text == #"{"a":[],"b":[1,-2,2.5,true,null,{}],"c":"\""}"#)
    }
}
