/// Checks the files of one family. To add a family, write a runner and name it in `goldenRunners`.
protocol GoldenRunner: Sendable {
    /// Whether the file is of this family, by its content or its name.
    func accepts(_ file: GoldenFile) -> Bool
    /// Checks every case of the file.
    func run(_ file: GoldenFile) throws -> GoldenReport
}

/// What came of one file.
struct GoldenReport {
    var caseCount = 0
    /// Cases in which ours gives the stated answer instead of Kafka's, by what is stated; they
    /// count as equal, and are told.
    private(set) var deviations: [String: Int] = [:]
    /// Cases of what ours does not have; they count neither way.
    var notYetCount = 0
    /// One precise line for each case that differs.
    var differences: [String] = []
    /// Why the file is not run at all.
    var notYet: String?

    /// Notes the outcome of one case: equal if `difference` is nil.
    mutating func note(_ name: String, _ difference: String?) {
        caseCount += 1
        if let difference { differences.append("\(name): \(difference)") }
    }

    /// Notes a case that ours answers as `docs/internals/deviations.md` states: what it states.
    mutating func noteDeviation(_ words: String) {
        caseCount += 1
        deviations[words, default: 0] += 1
    }

    /// Notes a case of what ours does not have.
    mutating func noteNotYet() { notYetCount += 1 }

    /// `187 cases, 187 equal`
    var summary: String {
        if let notYet { return "not yet: \(notYet)" }
        let deviationCount = deviations.values.reduce(0, +)
        let stated = deviationCount > 0 ? " (\(deviationCount) by a stated deviation)" : ""
        let rest = notYetCount > 0 ? ", \(notYetCount) not yet" : ""
        return "\(caseCount) cases, \(caseCount - differences.count) equal\(stated)\(rest)"
    }
}

/// Every family that can be checked. The first that accepts a file runs it.
let goldenRunners: [any GoldenRunner] = [
    BatchesRunner(),
    CorruptBatchesRunner(),
    InternalRecordsRunner(),
    WireMessagesRunner(),
    WireFramesRunner(),
    MalformedMessagesRunner(),
    WireAPIsRunner(),
    SchemasRunner(),
    ErrorsRunner(),
    HashesRunner(),
    PartitionsRunner(),
    DSLRunner(),
    SegmentsRunner(),
    TracesRunner(),
]
