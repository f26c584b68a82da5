import Foundation
import LogModel
import Streams
import StreamsRuntime
import Terminal
import Testing

@testable import DirectoryAccess
@testable import JobRunner

extension EndToEnd {
    /// A changed job before and at its start.
    @Suite(.serialized) struct PlanTests {
        private struct Counts: StreamJob {
            static let name = "kept"
            var topology: [Statement] {
                stream(Topic("lines", key: .utf8, value: .utf8)).groupByKey().count(store: "s")
            }
        }

        private struct Sums: StreamJob {
            static let name = "kept"
            var topology: [Statement] {
                stream(Topic("lines", key: .utf8, value: .utf8)).groupByKey()
                    .aggregate(store: "s", initial: 0.0, value: .double) {
                        (sum: inout Double, _: String) in sum += 1
                    }
            }
        }

        /// Its store's changelog would be that of a store `s` of the job `kept`.
        private struct Elsewhere: StreamJob {
            static let name = "kept-x"
            var topology: [Statement] {
                stream(Topic("lines", key: .utf8, value: .utf8)).groupByKey().count(store: "s")
            }
        }

        private struct OfTheSameName: StreamJob {
            static let name = "kept"
            var topology: [Statement] {
                stream(Topic("lines", key: .utf8, value: .utf8)).groupByKey().count(store: "x-s")
            }
        }

        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws {
            folder = try TemporaryFolder()
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let input = try folder.write("input", "a|x\nb|y\n")
            try Millrace.succeed(
                "produce",
                "lines",
                "--key-separator",
                "|",
                "--data",
                data,
                input: input
            )
        }

        private func execute<Job: StreamJob>(
            _ job: Job,
            _ words: String...
        ) -> Terminal.ExitStatus {
            JobProgram(makeTopology: { () throws(TopologyError) in try Topology(of: job) })
                .program(named: "job")
                .run([words[0], "--data", data] + words.dropFirst())
        }

        private func run<Job: StreamJob>(_ job: Job, _ words: String...) -> Terminal.ExitStatus {
            JobProgram(makeTopology: { () throws(TopologyError) in try Topology(of: job) })
                .program(named: "job")
                .run(["run", "--data", data, "--until-caught-up", "--json"] + words)
        }

        /// Every file of the data directory with what it holds.
        private func files() throws -> [String: Data] {
            var found: [String: Data] = [:]
            let root = URL(filePath: data)
            let names = try FileManager.default.subpathsOfDirectory(atPath: data)
            for name in names {
                let url = root.appending(path: name)
                var isFolder: ObjCBool = false
                _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
                found[name] = isFolder.boolValue ? Data() : try Data(contentsOf: url)
            }
            return found
        }

        @Test func `a plan says what a start then does, and writes nothing`() throws {
            #expect(execute(Counts(), "plan") == .done)
            #expect(run(Counts()) == .done)
            let before = try files()
            #expect(before.keys.contains(".millrace/state/kept/topology.json"))
            #expect(execute(Counts(), "plan", "--json") == .done)
            #expect(execute(Sums(), "plan") == .found)
            #expect(execute(Sums(), "describe", "--format", "json") == .done)
            #expect(try files() == before)
            #expect(run(Sums()) == .failed)
            #expect(run(Counts()) == .done)
            #expect(run(Sums(), "--reset") == .done)
            #expect(execute(Sums(), "plan") == .done)
            #expect(execute(Counts(), "plan") == .found)
        }

        @Test func `a plan says which partition of its topics is offline, as a start does`() throws
        {
            #expect(run(Counts()) == .done)
            let moved = folder.path("moved")
            for name in ["lines-0", "kept-s-changelog-0"] {
                try FileManager.default.moveItem(atPath: "\(data)/\(name)", toPath: moved)
                #expect(execute(Counts(), "plan") == .found)
                let deployed = try DeployedJob("kept", in: data)
                let topic = String(name.dropLast(2))
                #expect(deployed.offline.keys.map(\.topic) == [topic])
                let plan = DeploymentPlan(
                    try Topology(of: Counts()).specification,
                    over: deployed
                )
                let refused = plan.items.filter { $0.verdict == .refuse }
                #expect(refused.map(\.topic) == [topic])
                #expect(refused.first?.reason.hasPrefix("\(name) is offline: the folder ") == true)
                #expect(run(Counts()) == .failed)
                try FileManager.default.moveItem(atPath: moved, toPath: "\(data)/\(name)")
                #expect(execute(Counts(), "plan") == .done)
            }
            #expect(run(Counts()) == .done)
        }

        private struct Copy: StreamJob {
            static let name = "kept"
            var topology: [Statement] {
                stream(Topic("lines", value: .utf8)).to(Topic("out", value: .utf8))
            }
        }

        private struct OfAnother: StreamJob {
            static let name = "other"
            var topology: [Statement] {
                stream(Topic("-more", value: .utf8)).to(Topic("out", value: .utf8))
            }
        }

        /// The commands that a plan names, as they stand there.
        private func commands<Job: StreamJob>(of job: Job) throws -> [String] {
            let specification = try Topology(of: job).specification
            let deployed = try DeployedJob(specification.job, in: data)
            return DeploymentPlan(specification, over: deployed).items.flatMap { item in
                item.reason.matches(of: /millrace (topic .*?--data [^ ;,.]+(?: -- [^ ;]+)?)/)
                    .map { String($0.1) }
            }
        }

        private func paste(_ command: String) throws {
            let outcome = try Millrace.shell("'\(Millrace.executable.path)' \(command)")
            #expect(outcome.status == 0, "\(command): \(outcome.errors)")
        }

        @Test func `the commands that a plan names do what it says`() throws {
            let missing = try commands(of: OfAnother())
            #expect(missing == ["topic create --partitions 4 --data \(data) -- -more"])
            #expect(execute(OfAnother(), "plan") == .found)
            try missing.forEach(paste)
            #expect(execute(OfAnother(), "plan") == .done)

            // Another format, where the old bytes can be read as the new one.
            #expect(run(Counts()) == .done)
            #expect(execute(Sums(), "plan") == .found)
            let changed = try commands(of: Sums())
            #expect(
                changed == [
                    "topic alter kept-s-changelog --config millrace.format= --data \(data)"
                ]
            )
            try changed.forEach(paste)
            #expect(execute(Sums(), "plan") == .done)

            // A store that is used no more.
            let unused = try commands(of: Copy())
            #expect(unused == ["topic delete kept-s-changelog --force --data \(data)"])
            try unused.forEach(paste)
            #expect(try commands(of: Copy()) == [])
        }

        @Test func `a plan without a data directory fails`() {
            let program = JobProgram(
                makeTopology: { () throws(TopologyError) in try Topology(of: Counts()) }
            ).program(named: "job")
            #expect(program.run(["plan", "--data", folder.path("none")]) == .failed)
        }

        @Test func `a job does not take another one's changelog, nor does its reset`() throws {
            #expect(run(Elsewhere()) == .done)
            #expect(execute(OfTheSameName(), "plan") == .found)
            #expect(run(OfTheSameName()) == .failed)
            #expect(run(OfTheSameName(), "--reset") == .failed)
            #expect(run(Elsewhere()) == .done)
        }

        @Test func `a topology comes back from its file as it was written`() throws {
            let specification = try Topology(of: Sums()).specification
            let state = folder.path("state")
            try StoredTopology(specification).write(in: state)
            #expect(StoredTopology.read("kept", in: state) == specification)
            #expect(StoredTopology.read("other", in: state) == nil)
            try Data("{\"version\":2}".utf8)
                .write(to: URL(filePath: "\(state)/kept/topology.json"))
            #expect(StoredTopology.read("kept", in: state) == nil)
        }
    }
}
