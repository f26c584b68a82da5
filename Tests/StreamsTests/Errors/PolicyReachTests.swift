import LogModel
import MillraceTestKit
import Streams
import Testing

/// A policy reaches all that its operator is made of, or is refused where it would do nothing.
@Suite struct PolicyReachTests {
    private enum Shape: CaseIterable {
        case table, versionedTable, groupBy, groupTable, branch, children, foreignKey
    }

    private static let numbers = Topic("a", key: .utf8, value: .int64)
    private static let sums = Topic("sums", key: .utf8, value: .int64)

    @Sendable private static func refuse13(_ value: Int64) throws -> String {
        if value == 13 { throw Failing.Boom() }
        return "\(value)"
    }

    private struct Sorter: Processor {
        mutating func process(
            _ key: String,
            _ value: Int64,
            _ context: inout ProcessorContext<String, Int64>
        ) throws {
            _ = try PolicyReachTests.refuse13(value)
            try context.forward(key, value, to: "all")
        }
    }

    private struct Job: StreamJob {
        static let name = "reach"
        var shape = Shape.table
        var topology: [Statement] {
            switch shape {
            case .table:
                table(PolicyReachTests.numbers, store: "rows").onError(.skip)
                    .to(PolicyReachTests.sums)
            case .versionedTable:
                table(PolicyReachTests.numbers, store: "rows", history: .seconds(10))
                    .onError(.skip).to(PolicyReachTests.sums)
            case .groupBy:
                stream(PolicyReachTests.numbers)
                    .groupBy(PolicyReachTests.refuse13, via: "by", key: .utf8, value: .int64)
                    .count(store: "n").onError(.skip).to(PolicyReachTests.sums)
            case .groupTable:
                table(PolicyReachTests.numbers, store: "rows")
                    .groupBy(via: "by", key: .utf8, value: .int64) {
                        (_: String, value: Int64) throws -> (String, Int64) in
                        (try PolicyReachTests.refuse13(value), value)
                    }
                    .count(store: "n").onError(.skip).to(PolicyReachTests.sums)
            case .branch:
                stream(PolicyReachTests.numbers)
                    .branch([
                        "all": {
                            _ = try PolicyReachTests.refuse13($0); return true
                        }
                    ])
                    .onError(.skip)["all"].to(PolicyReachTests.sums)
            case .children:
                stream(PolicyReachTests.numbers)
                    .process(children: ["all"]) { (_: TaskStores) -> Sorter in Sorter() }
                    .onError(.skip)["all"].to(PolicyReachTests.sums)
            case .foreignKey:
                table(PolicyReachTests.numbers, store: "rows")
                    .leftJoin(
                        table(Failing.b, store: "others"),
                        foreignKey: { (value: Int64) throws -> String? in
                            try PolicyReachTests.refuse13(value)
                        },
                        via: "fk"
                    ) { (value: Int64, _: String?) -> Int64 in value }
                    .onError(.skip).to(PolicyReachTests.sums)
            }
        }
    }

    @Test(arguments: Shape.allCases)
    private func `a policy reaches what its operator is made of`(shape: Shape) throws {
        let engine = try TestEngine(Job(shape: shape), partitions: 1)
        let isTable = shape == .table || shape == .versionedTable
        try engine.send(1, key: "k", to: Self.numbers, at: Failing.time(1))
        if isTable {
            let text = Topic("a", key: .utf8, value: .utf8)
            try engine.send("unreadable", key: "k", to: text, at: Failing.time(2))
        } else {
            try engine.send(13, key: "k", to: Self.numbers, at: Failing.time(2))
        }
        try engine.send(2, key: "l", to: Self.numbers, at: Failing.time(3))
        try engine.run()
        // A row that is left out takes back the one that it replaces.
        #expect(try engine.read(Self.sums).count == (shape == .groupTable ? 3 : 2))
        #expect(engine.skippedCount >= 1)
    }

    private struct Idle: StreamJob {
        static let name = "idle"
        var topology: [Statement] { [] }
    }

    @Test func `a policy for a branch or a child is refused, with where it belongs`() throws {
        let input = Idle().stream(Self.numbers)
        let branch = input.branch(["all": { _ in true }])["all"].onError(.skip).to(Self.sums)
        let branches = #expect(throws: TopologyError.self) {
            try Topology(job: "idle", statements: [branch])
        }
        #expect(branches?.message.contains("belongs behind branch(…)") == true)
        let child = input.process(children: ["all"]) { (_: TaskStores) -> Sorter in Sorter() }
        let children = #expect(throws: TopologyError.self) {
            try Topology(job: "idle", statements: [child["all"].onError(.skip).to(Self.sums)])
        }
        #expect(children?.message.contains("belongs behind process(children:…)") == true)
    }

    @Test func `what makes the keys of two aggregates has one policy`() throws {
        let groups = Idle().stream(Self.numbers)
            .groupBy(Self.refuse13, via: "by", key: .utf8, value: .int64)
        let statements = [
            groups.count(store: "n").onError(.skip).to(Self.sums),
            groups.count(store: "m").onError(.deadLetter).to(Failing.counts),
        ]
        let error = #expect(throws: TopologyError.self) {
            try Topology(job: "idle", statements: statements)
        }
        #expect(error?.message.contains("two operators behind one groupBy") == true)
    }

    private func global(
        _ own: ErrorPolicy?,
        _ policies: ErrorPolicies
    ) throws(TopologyError) -> Topology {
        let rows = Idle().globalTable(Self.numbers, store: "rows")
        let joined = Idle().stream(Failing.b)
            .join(
                own.map { rows.onError($0) } ?? rows,
                key: { (key: String, _: String) -> String? in key }
            ) {
                (text: String, _: Int64) -> String in text
            }
        return try Topology(job: "idle", statements: [joined.to(Failing.out)], errors: policies)
    }

    @Test func `a global table has no dead letters and no retries`() throws {
        for policy in [ErrorPolicy.deadLetter, .skip(after: Failing.retry)] {
            let error = #expect(throws: TopologyError.self) {
                try global(policy, ErrorPolicies())
            }
            #expect(error?.message.contains(".onError(.skip) or .onError(.fail)") == true)
            // That of the job is for its streams.
            _ = try global(nil, ErrorPolicies(decode: policy))
        }
        _ = try global(.skip, ErrorPolicies(decode: .deadLetter))
        _ = try global(nil, ErrorPolicies(decode: .skip))
    }
}
