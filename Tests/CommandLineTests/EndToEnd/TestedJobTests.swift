import Foundation
import Testing

@testable import RunCommands

extension EndToEnd {
    /// `millrace test`, and that what `scripts/build` made is what jobs are built upon.
    @Suite(.serialized) struct TestedJobTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test func `a new job's tests pass, are chosen by a pattern, and fail as they should`()
            throws
        {
            let job = folder.path("Mine")
            try Millrace.succeed("new", "Mine", "--path", job)
            let all = try Millrace.succeed("test", job)
            #expect(all.output.contains("a crash counts nothing twice"), "\(all.output)")
            #expect(try !FileManager.default.contentsOfDirectory(atPath: job).contains(".build"))
            let chosen = try Millrace.succeed("test", job, "--filter", "crash")
            #expect(chosen.output.contains("a crash counts nothing twice"))
            #expect(!chosen.output.contains("each word is counted"), "\(chosen.output)")

            let tests = "\(job)/Tests/MineTests/MineTests.swift"
            let text = try String(contentsOfFile: tests, encoding: .utf8)
            let wrong = text.replacing("== [1, 2])", with: "== [1, 3])")
            #expect(wrong != text)
            try wrong.write(toFile: tests, atomically: true, encoding: .utf8)
            let failed = try Millrace.run("test", job)
            #expect(failed.status == 1, "\(failed.output)")
            try "\(text)let x: Int = \"\"\n".write(toFile: tests, atomically: true, encoding: .utf8)
            let broken = try Millrace.run("test", job)
            #expect(broken.status == 1 && broken.output == "")
            #expect(broken.errors.contains("error: the job does not compile"), "\(broken.errors)")
        }

        @Test func `a job without tests, and a binary, are told what they lack`() throws {
            _ = try folder.write(
                "Job/Package.swift",
                """
                // swift-tools-version: 6.2
                import PackageDescription
                let package = Package(name: "Job", targets: [.executableTarget(name: "Job")])
                """
            )
            _ = try folder.write("Job/Sources/Job/main.swift", "")
            let without = try Millrace.run("test", folder.path("Job"))
            #expect(without.status == 1)
            #expect(without.errors.contains("error: the job has no tests"), "\(without.errors)")
            #expect(without.errors.contains("next: give its manifest a .testTarget"))
            let binary = try Millrace.run("test", Millrace.executable.path)
            #expect(binary.status == 1)
            #expect(binary.errors.contains("next: give the folder of the job's package"))
        }

        /// With a compiler that only says what it was asked.
        @Test func `the program is built where jobs are, and anew where sources are others`()
            throws
        {
            let swift = try folder.write(
                "bin/swift",
                """
                #!/bin/sh
                case "$*" in
                *--show-bin-path*) echo '\(folder.path("build/triple/release"))'; exit ;;
                esac
                echo "$*" >> '\(folder.path("asked"))'
                mkdir -p '\(folder.path("jobs/triple/release"))'
                ln -sfn triple/release '\(folder.path("jobs/release"))'
                echo program > '\(folder.path("jobs/release/millrace"))'
                """
            )
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755],
                ofItemAtPath: swift.path
            )
            let build = """
                PATH='\(folder.path("bin"))':"$PATH" MILLRACE_BUILD='\(folder.path("jobs"))' \
                scripts/build
                """
            let built = try Millrace.shell(build)
            #expect(built.status == 0, "\(built.errors)")
            let asked = try String(contentsOfFile: folder.path("asked"), encoding: .utf8)
            #expect(asked.contains("--scratch-path \(folder.path("jobs")) "), "\(asked)")
            let program = try String(
                contentsOfFile: folder.path("build/release/millrace"),
                encoding: .utf8
            )
            #expect(program == "program\n")

            // What jobs would call made from the same sources, so that they build upon it.
            let note = folder.path("jobs/millrace-sources")
            let home = MillraceHome(path: Millrace.root.path)
            let known = try String(contentsOfFile: note, encoding: .utf8)
            #expect(known == SharedBuild(home: home).fingerprint())

            let left = try folder.write("jobs/triple/release/A.o", "made")
            _ = try Millrace.shell(build)
            #expect(FileManager.default.fileExists(atPath: left.path))
            try "other\n".write(toFile: note, atomically: true, encoding: .utf8)
            _ = try Millrace.shell(build)
            #expect(!FileManager.default.fileExists(atPath: left.path))
            #expect(try String(contentsOfFile: note, encoding: .utf8) == known)
        }
    }
}
