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
