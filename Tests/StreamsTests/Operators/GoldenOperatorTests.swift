import Foundation
import Testing

@testable import GoldenVectors

/// The operators against what Kafka Streams made of the same inputs: the first cases of each
/// vector, once straight, once with a crash in the middle of every step, and some times with one at
/// a point of every commit, the points in turn; `make nightly` takes more of them. `make golden`
/// runs the whole files.
@Suite struct GoldenOperatorTests {
    private static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/DSL")

    private static let names: [String] = {
        let found = try? FileManager.default.contentsOfDirectory(atPath: folder.path())
        return (found ?? []).sorted()
    }()

    private static let rounds: Int = {
        let scale = ProcessInfo.processInfo.environment["MILLRACE_SCALE"].flatMap { Int($0) } ?? 1
        return scale > 1 ? 24 : 2
    }()

    @Test func `there is a vector of every operator`() {
        #expect(Self.names.count == 124)
    }

    @Test(arguments: names)
    func `an operator gives what Kafka Streams gives, through crashes too`(name: String) throws {
        let file = GoldenFile(path: "dsl/\(name)", url: Self.folder.appending(path: name))
        let runner = DSLRunner(commitPointRounds: Self.rounds)
        try #require(runner.accepts(file))
        let report = try runner.run(file)
        #expect(report.caseCount > 0)
        #expect(report.differences.isEmpty)
    }
}
