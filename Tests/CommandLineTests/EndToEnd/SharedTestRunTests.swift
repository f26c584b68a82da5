import Foundation
import Testing

extension EndToEnd {
    /// `millrace test` of jobs that build in one folder, with a compiler that only says what it was
    /// asked for.
    @Suite(.serialized) struct SharedTestRunTests {
        private let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            let swift = try folder.write("bin/swift", Self.swift(folder))
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755],
                ofItemAtPath: swift.path
            )
            for name in ["a", "b"] {
                _ = try folder.write("\(name)/Package.swift", "// \(name)\n")
            }
        }

        /// Notes which package was built last, and prints that one when it is to run its tests:
        /// those of `a` once the file `go` is there.
        private static func swift(_ folder: TemporaryFolder) -> String {
            let dependency = "{\"path\":\"\(Millrace.root.path)\"}"
            return """
                #!/bin/bash
                cd '\(folder.url.path)'
                package=$(sed -n 's/.*--package-path \\([^ ]*\\).*/\\1/p' <<< "$*")
                case "$1 $*" in
                *describe*) echo '{"name":"Job","products":[],"targets":[{"type":"test"}],\
                "dependencies":[\(dependency)]}' ;;
                build*) basename "$package" > built ;;
                *\\ list) ;;
                test*)
                    xml=$(sed -n 's/.*--xunit-output \\([^ ]*\\).xml.*/\\1/p' <<< "$*")
                    case "$*" in
                    *--filter*) echo '<testsuite tests="0"/>' > "$xml-swift-testing.xml" ;;
                    *) echo '<testcase name="x"/>' > "$xml-swift-testing.xml" ;;
                    esac
                    touch "running-$(basename "$package")"
                    while [[ $package = */a ]] && ! [ -e go ]; do sleep 0.02; done
                    echo "tests of $(cat built)" ;;
                esac
                """
        }

        private func start(_ job: String, _ words: [String] = []) throws -> Process {
            let (output, errors) = (folder.path("\(job)-output"), folder.path("\(job)-errors"))
            return try Millrace.start(
                URL(filePath: "/usr/bin/env"),
                [
                    "PATH=\(folder.path("bin")):/usr/bin:/bin",
                    "MILLRACE_HOME=\(Millrace.root.path)",
                    "MILLRACE_BUILD=\(folder.path("jobs"))",
                    Millrace.executable.path, "test", folder.path(job),
                ] + words,
                input: nil,
                output: URL(filePath: output),
                errors: URL(filePath: errors)
            )
        }

        private func text(_ name: String) -> String {
            (try? String(contentsOfFile: folder.path(name), encoding: .utf8)) ?? ""
        }

        /// Waits until it holds; false where it does not in a minute.
        private func comes(_ condition: () -> Bool) -> Bool {
            let deadline = Date(timeIntervalSinceNow: 60)
            while !condition(), Date() < deadline { usleep(5000) }
            return condition()
        }

        @Test func `another job's tests are waited for, and each reports its own`() throws {
            let first = try start("a")
            #expect(comes { FileManager.default.fileExists(atPath: folder.path("running-a")) })
            let second = try start("b")
            #expect(comes { text("b-errors").contains("note: waits for process ") })
            #expect(!FileManager.default.fileExists(atPath: folder.path("running-b")))
            _ = try folder.write("go", "")
            first.waitUntilExit()
            second.waitUntilExit()
            #expect(first.terminationStatus == 0 && second.terminationStatus == 0)
            #expect(text("a-output") == "tests of a\n")
            #expect(text("b-output") == "tests of b\n")
        }

        @Test func `a filter that chooses no test fails and says so`() throws {
            let run = try start("b", ["--filter", "nosuch"])
            run.waitUntilExit()
            #expect(run.terminationStatus == 1)
            let errors = text("b-errors")
            #expect(errors.contains("error: no test's name matches 'nosuch'"), "\(errors)")
            #expect(errors.contains("next: millrace test \(folder.path("b")), which"), "\(errors)")
        }
    }
}
