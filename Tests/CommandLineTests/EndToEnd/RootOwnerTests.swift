import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// What root's commands leave in the data directory of another user.
    @Suite(.serialized, .enabled(if: geteuid() == 0, "only root makes files for others"))
    struct RootOwnerTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }
        private static let nobody: uid_t = 65_534

        init() throws {
            folder = try TemporaryFolder()
            try FileManager.default.createDirectory(
                atPath: data,
                withIntermediateDirectories: true
            )
            #expect(chown(data, Self.nobody, Self.nobody) == 0)
        }

        /// What in the directory is root's.
        private func rootsFiles() throws -> [String] {
            try Millrace.shell("find '\(data)' -uid 0").lines
        }

        private func run(_ options: String...) throws -> Millrace.Outcome {
            let job = folder.path("WordCount")
            if !FileManager.default.fileExists(atPath: job) {
                try FileManager.default.createSymbolicLink(
                    at: URL(filePath: job),
                    withDestinationURL: Millrace.executable.deletingLastPathComponent()
                        .appending(path: "JobsUnderTest")
                )
            }
            return try Millrace.tool(
                URL(filePath: job),
                ["run", "--data", data, "--until-caught-up"] + options,
                input: nil
            )
        }

        @Test func `a job's stores, its topology and a reset are the directory's owner's`() throws {
            try Millrace.succeed("topic", "create", "lines", "word-counts", "--data", data)
            let input = try folder.write("input", "a rose is a rose\n")
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            for options in [[], ["--reset"]] {
                let job = options.isEmpty ? try run() : try run("--reset")
                #expect(job.status == 0, "\(job.errors)")
                let state = try Millrace.shell("find '\(data)/.millrace/state' -name CURRENT")
                #expect(!state.lines.isEmpty, "the job has no store")
                #expect(try rootsFiles() == [], "\(options)")
            }
        }

        @Test func `the socket and the addresses of a server are the directory's owner's`() throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let owner = try OwnerProcess.serve(data, folder)
            let found = try Millrace.shell(
                "find '\(data)/.millrace' -name socket -o -name addresses"
            )
            #expect(found.lines.count == 2)
            #expect(try rootsFiles() == [])
            try owner.stop()
        }
    }
}
