import Foundation
import Testing

@testable import GoldenVectors

/// The operators against what Kafka Streams made of the same inputs: the first cases of each
/// vector, once straight and once with a crash in the middle of every step. `make golden` runs the
/// whole files.
@Suite struct GoldenOperatorTests {
    private static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/DSL")

    private static let names: [String] = {
        let found = try? FileManager.default.contentsOfDirectory(atPath: folder.path())
        return (found ?? []).sorted()
    }()

    @Test func `there is a vector of every operator`() {
        #expect(Self.names.count == 124)
    }

    @Test(arguments: names)
    func `an operator gives what Kafka Streams gives, through crashes too`(name: String) throws {
        let file = GoldenFile(path: "dsl/\(name)", url: Self.folder.appending(path: name))
        let runner = DSLRunner()
        try #require(runner.accepts(file))
        let report = try runner.run(file)
        #expect(report.caseCount > 0)
        #expect(report.differences.isEmpty)
    }
}
