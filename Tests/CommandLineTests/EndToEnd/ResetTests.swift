import Foundation
import Streams
import Terminal
import Testing

@testable import JobRunner

extension EndToEnd {
    /// What stands in the way of a reset, or looks like one.
    @Suite(.serialized) struct ResetTests {
        private struct Copy: StreamJob {
            static let name = "wc"
            var topology: [Statement] {
                stream(Topic("lines", value: .utf8)).to(Topic("out", value: .utf8))
            }
        }

        private struct Count: StreamJob {
            static let name = "wc.reset"
            var topology: [Statement] {
                stream(Topic("lines", value: .utf8))
                    .groupBy({ (line: String) -> String in line }, via: "by-line", key: .utf8)
                    .count(store: "counts")
                    .to(Topic("counts", key: .utf8, value: .int64))
            }
        }

        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws {
            folder = try TemporaryFolder()
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let input = try folder.write("input", (0..<1_000).map { "\($0)\n" }.joined())
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
        }

        private func run<Job: StreamJob>(_ job: Job, _ words: String...) -> Terminal.ExitStatus {
            JobProgram(makeTopology: { () throws(TopologyError) in try Topology(of: job) })
                .program(named: "job")
                .run(["run", "--data", data, "--until-caught-up", "--json"] + words)
        }

        @Test func `a job whose name ends in a word of ours keeps nobody from running`() {
            #expect(run(Copy()) == .done)
            #expect(run(Count()) == .done)
            #expect(run(Copy()) == .done)
            #expect(run(Copy(), "--reset") == .done)
            #expect(run(Count(), "--reset") == .done)
        }

        @Test func `a reset forgets the positions in inputs of earlier forms, too`() throws {
            struct Form: StreamJob {
                static let name = "formed"
                var input = "lines"
                var topology: [Statement] {
                    stream(Topic(input, value: .utf8))
                        .groupBy({ (line: String) -> String in line }, via: "by-line", key: .utf8)
                        .count(store: "counts")
                        .to(Topic("counts", key: .utf8, value: .int64))
                }
            }
            try Millrace.succeed("topic", "create", "others", "--data", data)
            #expect(run(Form()) == .done)
            #expect(run(Form(input: "others"), "--reset") == .done)
            #expect(run(Form()) == .done)
            let state = try Millrace.succeed("state", "get", "counts", "7", "--data", data)
            #expect(state.output.contains("1"), "\(state)")
            let described = try Millrace.succeed("group", "describe", "formed", "--data", data)
            #expect(described.output.contains("lines"), "\(described)")
            #expect(run(Form(input: "others"), "--reset") == .done)
            let after = try Millrace.succeed("group", "describe", "formed", "--data", data)
            #expect(!after.output.contains("lines"), "\(after)")
        }

        @Test func `a reset names the dead letters whose records it reads again`() throws {
            try Millrace.succeed("topic", "create", "payments", "--data", data)
            let input = try folder.write("payments", "k=broken\nk={\"cents\":500}\n")
            try Millrace.succeed(
                "produce",
                "payments",
                "--key-separator",
                "=",
                "--data",
                data,
                input: input
            )
            let program = Millrace.executable.deletingLastPathComponent()
                .appending(path: "JobsUnderTest")
            let job = folder.url.appending(path: "DlqTemplate")
            try FileManager.default.createSymbolicLink(at: job, withDestinationURL: program)
            func run(_ words: String...) throws -> String {
                let outcome = try Millrace.tool(
                    job,
                    ["run", "--data", data, "--until-caught-up"] + words,
                    input: nil
                )
                #expect(outcome.status == 0, "\(outcome)")
                return outcome.errors
            }
            #expect(try !run().contains("dlq drop"))
            let told = try run("--reset")
            let command = try #require(told.firstMatch(of: /millrace (dlq drop .*)\n/)?.1)
            let millrace = Millrace.executable.path
            let dropped = try Millrace.shell("'\(millrace)' \(command)")
            #expect(dropped.status == 0, "\(command): \(dropped)")
            let open = try Millrace.succeed("dlq", "list", "--data", data, "--json")
            #expect(open.output.contains("\"open\":1"), "\(open)")
        }

        @Test func `a reset does not ask after the changelog that it removes`() throws {
            #expect(run(Count()) == .done)
            let files = try FileManager.default.contentsOfDirectory(atPath: data)
                .filter { $0.hasPrefix("wc.reset-counts-changelog-") }
                .map { "\(data)/\($0)/00000000000000000000.log" }
            #expect(!files.isEmpty)
            // Nothing of it is left: an opening sees that.
            for file in files { try Data().write(to: URL(filePath: file)) }
            #expect(run(Count()) != .done)
            #expect(run(Count(), "--reset") == .done)
            #expect(run(Count()) == .done)
        }
    }
}
