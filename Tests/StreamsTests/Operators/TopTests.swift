import LogModel
import MillraceTestKit
import Streams
import Testing

/// The largest values of each key: of all that came, and of the rows that are there.
@Suite struct TopTests {
    private struct Best: StreamJob {
        static let name = "best"
        static let input = Topic("in", key: .utf8, value: .int64)
        static let best = Topic("best", key: .utf8, value: .list(of: .int64))
        static let minutes = Topic(
            "minutes",
            key: .windowed(.utf8, size: .seconds(60)),
            value: .list(of: .int64)
        )
        var topology: [Statement] {
            let grouped = stream(Self.input).groupByKey()
            grouped.top(3, by: { (value: Int64) -> Int64 in value / 10 }, store: "best")
                .to(Self.best)
            grouped.windowed(by: .tumbling(.seconds(60)))
                .top(2, by: { (value: Int64) -> Int64 in value }, store: "minutes", emit: .onClose)
                .to(Self.minutes)
        }
    }

    /// Words by how often they came, per first letter.
    private struct Leaders: StreamJob {
        static let name = "leaders"
        static let rows = Topic("rows", key: .utf8, value: .optional(.double))
        static let results = Topic(
            "top",
            key: .utf8,
            value: .optional(ListSerde(of: DoubleSerde()))
        )
        var topology: [Statement] {
            table(Topic("rows", key: .utf8, value: .double), store: "rows")
                .groupBy(via: "by-letter", key: .utf8, value: .double) {
                    (key: String, value: Double) -> (String, Double) in
                    (String(key.prefix(1)), value)
                }
                .top(3, by: { (value: Double) -> Double in value }, store: "leaders")
                .to(Topic("top", key: .utf8, value: .list(of: .double)))
        }
    }

    @Test func `only what has a place in the list changes it, and the first of equals stays first`()
        throws
    {
        let engine = try TestEngine(Best(), partitions: 1)
        let values: [Int64] = [11, 30, 5, 19, 18, 31, 4]
        for (index, value) in values.enumerated() {
            try engine.send(value, key: "k", to: Best.input, at: .seconds(index))
            if index == 3 { try engine.crash() }
            try engine.process()
            if index == 4 { try engine.kill() }
        }
        try engine.send(1, key: "z", to: Best.input, at: .seconds(70))
        try engine.run()
        #expect(
            try engine.read(Best.best).map(\.value) == [
                [11], [30, 11], [30, 11, 5], [30, 11, 19], [30, 31, 11], [1],
            ]
        )
        #expect(try engine.read(Best.minutes).map(\.value) == [[31, 30]])
    }

    @Test(arguments: 0..<4)
    func `the list of a key is that of the rows there are, through crashes`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let engine = try TestEngine(Leaders(), partitions: 1, seed: seed)
        var rows: [String: Double] = [:]
        var lists: [String: [Double]] = [:]
        var found: [String: [Double]] = [:]
        for _ in 0..<200 {
            let key = ["a", "b"].randomElement(using: &random) ?? "a"
            let row = key + "\(Int.random(in: 0..<8, using: &random))"
            let value = Double(Int.random(in: -4..<8, using: &random)) / 2
            rows[row] = Bool.random(using: &random) ? value : nil
            try engine.send(rows[row], key: row, to: Leaders.rows)
            switch Int.random(in: 0..<10, using: &random) {
            case 0: try engine.crash()
            case 1: try engine.kill()
            case 2: try engine.process()
            default: try engine.run()
            }
            let all = rows.filter { $0.key.hasPrefix(key) }.values.sorted(by: >)
            lists[key] = all.isEmpty ? nil : Array(all.prefix(3))
        }
        try engine.run()
        for change in try engine.read(Leaders.results) {
            #expect(found[change.key] != change.value, "a change that changes nothing")
            found[change.key] = change.value
        }
        #expect(found == lists)
    }

    @Test func `scores order as their numbers do, and NaN has no place`() {
        let doubles: [Double] = [-.infinity, -2.5, -1e-300, 0, 1e-300, 3, .infinity]
        let bits = doubles.compactMap(\.orderedBits)
        #expect(bits.count == doubles.count && bits == bits.sorted())
        #expect((-0.0).orderedBits == 0.0.orderedBits && Double.nan.orderedBits == nil)
        let integers: [Int64] = [.min, -1, 0, 1, .max]
        #expect(integers.compactMap(\.orderedBits) == integers.compactMap(\.orderedBits).sorted())
    }

    @Test(arguments: [
        [], [0], [0, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 1, 0, 0, 0, 9, 1],
        [0, 0, 0, 0, 1], [127, 255, 255, 255, 0, 0, 0, 0],
    ])
    func `bytes that are no list are refused`(bytes: [UInt8]) throws {
        let serde = ListSerde(of: UTF8Serde())
        #expect(throws: SerdeError.self) {
            _ = try bytes.withUnsafeBytes { try serde.decode($0) }
        }
    }
}
