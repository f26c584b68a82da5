import JSON
import Serdes
import Testing

@Suite("JSON numbers")
struct JSONNumberTests {
    struct Meter: Codable, Equatable, Sendable {
        var serial: Int64?
        var total: UInt64?
        var level: Double?
        var share: Float?
        var step: Int8?
    }

    private func meter(_ text: String) throws -> Meter {
        try read(Array(text.utf8), .json(Meter.self))
    }

    private func refusal(_ text: String) throws -> String {
        try #require(throws: SerdeError.self) { try meter(text) }.reason
    }

    @Test(arguments: [
        ("9007199254740993.0", 9_007_199_254_740_993),
        ("9007199254740993e0", 9_007_199_254_740_993),
        ("900719925474099.3e1", 9_007_199_254_740_993),
        ("90071992547409930E-1", 9_007_199_254_740_993),
        ("9223372036854775807.000", Int64.max),
        ("-9223372036854775808.0", Int64.min),
        ("-9.223372036854775808e18", Int64.min),
        ("1e18", 1_000_000_000_000_000_000),
        ("0e999999999999999999999", 0),
        ("-0.000", 0),
        ("120000000000000000000000e-22", 12),
    ])
    func `an integer is read with every digit, whatever its notation`(
        text: String,
        value: Int64
    )
        throws
    {
        #expect(try meter(#"{"serial":\#(text)}"#).serial == value)
    }

    @Test(arguments: [
        "9007199254740993.5", "9223372036854775808.0", "-9223372036854775809", "1e19", "1e-1",
        "0.1e0", "1e99999999999999999999", "-1e400", "327267367867168100000",
    ])
    func `a number that is no 64-bit integer is refused with its place`(text: String) throws {
        #expect(
            try refusal(#"{"level":1,"serial":\#(text)}"#)
                == "serial: the number \(text), where an integer from -9223372036854775808 to "
                + "9223372036854775807 is needed"
        )
    }

    @Test func `integers beyond 64 bits harm nobody who does not read them`() throws {
        let text =
            #"{"x":[327267367867168100000,{"y":-18446744073709551616}],"serial":7,"z":1e999,"#
            + #""q":"99999999999999999999\"","w":\#(String(repeating: "9", count: 4_000))}"#
        #expect(try meter(text).serial == 7)
    }

    @Test func `an integer beyond 64 bits is the nearest double`() throws {
        for text in [
            "327267367867168100000", "18446744073709551616", "-9223372036854775809",
            "100000000000000000000000000000000000001", "9999999999999999999999.5",
        ] {
            #expect(try meter(#"{"level":\#(text)}"#).level == Double(text))
        }
        #expect(try meter(#"{"total":18446744073709551615.0}"#).total == .max)
        #expect(try refusal(#"{"total":18446744073709551616}"#).hasPrefix("total: the number 1844"))
        #expect(try refusal(#"{"total":-1.0}"#).hasPrefix("total: the number -1.0, where"))
    }

    @Test func `what no double or float holds is refused with its place`() throws {
        #expect(
            try refusal(#"{"serial":1,"level":1e400}"#)
                == "level: the number 1e400, where a number up to 1.8e308 is needed"
        )
        #expect(
            try refusal(#"{"share":1e300}"#)
                == "share: the number 1e300, where a number up to 3.4e38 is needed"
        )
        #expect(
            try refusal(#"{"step":128}"#)
                == "step: the number 128, where an integer from -128 to 127 is needed"
        )
        #expect(try meter(#"{"share":0.1}"#).share == 0.1)
    }

    @Test(arguments: ["00000000000000000000", "-", "99999999999999999999x", "1e", "01.5", ".5"])
    func `what is no number stays no JSON beside a large integer`(text: String) {
        #expect(throws: SerdeError.self) { try meter(#"{"a":99999999999999999999,"b":\#(text)}"#) }
        #expect(throws: SerdeError.self) { try meter(#"{"b":\#(text)}"#) }
    }

    @Test func `a long array of numbers beyond doubles is read in one pass`() throws {
        let numbers = (0..<20_000).map { "\($0).0" }.joined(separator: ",")
        let read: [Int64] = try read(Array("[\(numbers)]".utf8), .json([Int64].self))
        #expect(read == Array(0..<20_000))
    }

    @Test func `a document's numbers are written as they came`() throws {
        let text = #"{"a":[1.50,1E5,327267367867168100000,-0.0,1e400],"b":12345678901234567890}"#
        let document = try JSONDocument(parsing: Array(text.utf8))
        var sink = ByteSink()
        document.withRoot { $0.writeText(into: &sink) }
        #expect(String(decoding: sink.bytes, as: UTF8.self) == text)
    }

    @Test func `infinities and NaN are an error with their place`() throws {
        for (value, word) in [(Double.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf")] {
            let error = try #require(throws: SerdeError.self) {
                try written(["a": [Meter(level: 1), Meter(level: value)]], .json(Levels.self))
            }
            #expect(error.reason.hasPrefix("a[1].level: \(word), which JSON has no number for"))
        }
        #expect(throws: SerdeError.self) { try written(Meter(share: .nan), .json(Meter.self)) }
    }

    typealias Levels = [String: [Meter]]

    struct Gauge: JSONRecord {
        var level: Double
        init(level: Double) { self.level = level }
        init(json: inout JSONObject) throws { level = try json.double("level") }
        func write(to json: inout JSONWriter) {
            json.member("level", level)
            json.array("more") { $0.value(level) }
        }
    }

    @Test func `numbers of few decimals are written as all others are`() throws {
        var generator = SystemRandomNumberGenerator()
        var numbers: [Double] = [
            0, -0.0, 1, -1, 0.1, 0.001, 0.0005, 1e12, 1e15, 1e16, 1e300,
            .leastNonzeroMagnitude,
        ]
        numbers += [
            999_999_999_999.999, 1_000_000_000_000.001, 0.3, 0.1 + 0.2, 33.8, 32 + 1.8 * 0.01,
        ]
        for _ in 0..<20_000 {
            let digits = Int64.random(in: 0...15, using: &generator)
            let most = (0..<digits).reduce(Int64(1)) { most, _ in most * 10 }
            numbers.append(Double(Int64.random(in: -most...most, using: &generator)) / 1_000)
            numbers.append(Double.random(in: -1_000...1_000, using: &generator))
            let any = Double(bitPattern: generator.next())
            if any.isFinite { numbers.append(any) }
        }
        for number in numbers {
            let text = try written(Gauge(level: number), .json(Gauge.self))
            #expect(
                String(decoding: text, as: UTF8.self)
                    == #"{"level":\#(number),"more":[\#(number)]}"#
            )
        }
    }

    @Test func `a record that writes itself cannot write NaN either`() throws {
        let error = try #require(throws: SerdeError.self) {
            try written(Gauge(level: .nan), .json(Gauge.self))
        }
        #expect(error.reason.hasPrefix("level: nan, which JSON has no number for"))
        let text = try written(Gauge(level: 2.5), .json(Gauge.self))
        #expect(String(decoding: text, as: UTF8.self) == #"{"level":2.5,"more":[2.5]}"#)
    }
}
