import DirectoryAccess
import Foundation
import Terminal

/// A job's tests once they are built; nobody else builds in their folder meanwhile.
struct JobTests {
    let job: String
    let buildPath: String
    let environment: [String: String]
    let lock: BuildLock?

    private var words: [String] {
        ["test", "--skip-build", "--package-path", job, "--scratch-path", buildPath]
    }

    /// What the package manager notes of the tests that it ran.
    private var report: String { "\(buildPath)/millrace-tests" }

    /// Runs those whose names have a part that the expression matches, all for nil.
    func run(filter: String?) throws -> ExitStatus {
        defer { withExtendedLifetime(lock) {} }
        let notes = "\(report)-swift-testing.xml"
        try? FileManager.default.removeItem(atPath: notes)
        let status = try ToolProcess.run(
            words + ["--xunit-output", "\(report).xml"]
                + (filter.map { ["--filter", $0] } ?? []),
            environment: environment
        )
        guard status == 0 else { return .failed }
        let noted = (try? String(contentsOfFile: notes, encoding: .utf8)) ?? ""
        guard !noted.contains("<testcase "), try !runsOthers(filter) else { return .done }
        throw CommandFailure(
            filter.map { "no test's name matches '\($0)'" } ?? "the job has no tests",
            place: job,
            reason: "none was run",
            next: filter == nil
                ? "write some in its folder Tests"
                : "millrace test \(shellPath(job)), which runs all and prints their names"
        )
    }

    /// Whether XCTest has run some, of which nothing is noted.
    private func runsOthers(_ filter: String?) throws -> Bool {
        let list = try ToolProcess.run(
            words + ["list"],
            of: "the tests are being listed",
            environment: environment,
            shows: false
        )
        let expression = filter.flatMap { try? Regex($0) }
        return list.output.split(separator: "\n").contains { line in
            line.wholeMatch(of: /\w+\.\w+\/\w+/) != nil
                && (filter == nil || expression.map { line.firstMatch(of: $0) != nil } ?? true)
        }
    }
}
