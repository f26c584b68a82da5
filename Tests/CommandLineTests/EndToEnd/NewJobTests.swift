import Foundation
import Testing

extension EndToEnd {
    /// `millrace new` where it cannot make a job, and what `run` says before it builds one.
    @Suite(.serialized) struct NewJobTests {
        private let folder: TemporaryFolder
        private var millrace: String { "'\(Millrace.executable.path)'" }

        init() throws { folder = try TemporaryFolder() }

        private func names(in path: String) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        }

        /// A job that is looked at and never built.
        private func unbuildable(_ name: String) throws -> String {
            _ = try folder.write(
                "\(name)/Package.swift",
                """
                // swift-tools-version: 6.2
                import PackageDescription
                let package = Package(name: "\(name)")
                """
            )
            return folder.path(name)
        }

        @Test(arguments: ["Any", "Self", "Streams", "Bytes", "Foundation"])
        func `a name that no package can have is refused, whatever the template`(
            name: String
        ) throws {
            for word in ["word-count", "saga"] {
                let path = folder.path(name)
                let outcome = try Millrace.run("new", name, "--path", path, "--template", word)
                #expect(outcome.status == 1 && outcome.output == "")
                #expect(outcome.errors.contains("the name is taken"), "\(outcome.errors)")
                #expect(try names(in: folder.url.path) == [])
            }
        }

        @Test func `a folder that the package manager would take for Millrace's is refused`()
            throws
        {
            let name = Millrace.root.lastPathComponent
            for path in [folder.path(name), folder.path("a/\(name.uppercased())/")] {
                let outcome = try Millrace.run("new", "Mine", "--path", path)
                #expect(outcome.status == 1, "\(path)")
                #expect(outcome.errors.contains("has the name of the Millrace package"))
            }
            let url = "https://example.org/mill.git"
            let path = folder.path("Mill")
            let outcome = try Millrace.run("new", "Mine", "--path", path, "--url", url)
            #expect(outcome.status == 1, "\(outcome.output)")
            #expect(outcome.errors.contains("next: give a --path with another last part"))
            #expect(try names(in: folder.url.path) == [])
            // A job that was moved there.
            try Millrace.succeed("new", "Mine", "--path", folder.path("Mine"))
            let moved = folder.path(name)
            try FileManager.default.moveItem(atPath: folder.path("Mine"), toPath: moved)
            let described = try Millrace.run("describe", moved)
            #expect(described.status == 1)
            #expect(
                described.errors.contains("next: give the job's folder another name"),
                "\(described.errors)"
            )
        }

        @Test(arguments: ["run", "plan", "describe"])
        func `a package without an executable is told what it lacks`(word: String) throws {
            let job = try unbuildable("Job")
            try Millrace.succeed("topic", "create", "lines", "--data", folder.path("data"))
            for product in [[], ["--product", "Job"]] {
                let outcome = try Millrace.tool(
                    Millrace.executable,
                    [word, job, "--data", folder.path("data")] + product,
                    input: nil
                )
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("it has no executable product"))
                #expect(outcome.errors.contains("next: give its manifest an .executableTarget"))
                #expect(!outcome.errors.contains("--product"), "\(outcome.errors)")
            }
        }

        @Test func `the executables of a package are named in order`() throws {
            let names = ["Beta", "Alpha"]
            let targets = names.map { ".executableTarget(name: \"\($0)\")" }
            _ = try folder.write(
                "Two/Package.swift",
                """
                // swift-tools-version: 6.2
                import PackageDescription
                let package = Package(name: "Two", targets: [\(targets.joined(separator: ", "))])
                """
            )
            for name in names { _ = try folder.write("Two/Sources/\(name)/main.swift", "") }
            let outcome = try Millrace.run("describe", folder.path("Two"))
            #expect(outcome.errors.contains("why: they are Alpha, Beta\n"), "\(outcome.errors)")
            let other = try Millrace.run("describe", folder.path("Two"), "--product", "Gamma")
            #expect(other.errors.contains("why: it has Alpha, Beta\n"), "\(other.errors)")
        }

        @Test func `a URL that can be none makes no job`() throws {
            for url in ["not a url", "millrace", "../millrace", "https://", "https://example.org/"]
            {
                let path = folder.path("Mine")
                let outcome = try Millrace.run("new", "Mine", "--path", path, "--url", url)
                #expect(outcome.status == 64 && outcome.output == "", "\(url)")
                #expect(outcome.errors.contains("--url takes the URL of a Git repository"))
                #expect(try names(in: folder.url.path) == [])
            }
        }

        @Test func `a file in the way is named`() throws {
            let file = try folder.write("file", "text")
            for path in [file.path, "\(file.path)/x/y"] {
                let outcome = try Millrace.run("new", "Mine", "--path", path)
                #expect(outcome.status == 1)
                #expect(
                    outcome.errors.contains("where: \(file.path)\n  why: it is a file\n"),
                    "\(outcome.errors)"
                )
            }
            #expect(try String(contentsOf: file, encoding: .utf8) == "text")
        }

        @Test func `a job that does not fit on the disk leaves nothing`() throws {
            let path = folder.path("a/Mine")
            try FileManager.default.createDirectory(
                atPath: folder.path("empty"),
                withIntermediateDirectories: true
            )
            for path in [path, folder.path("empty")] {
                let outcome = try Millrace.shell(
                    "ulimit -f 1; \(millrace) new Mine --template saga --path '\(path)'"
                )
                #expect(outcome.status == 1 && outcome.output == "")
                #expect(outcome.errors.contains("cannot be written"), "\(outcome.errors)")
                #expect(outcome.errors.contains("why: File too large"), "\(outcome.errors)")
            }
            #expect(try names(in: folder.url.path) == ["empty"])
            #expect(try names(in: folder.path("empty")) == [])
            try Millrace.succeed("new", "Mine", "--template", "saga", "--path", path)
        }

        @Test func `a folder that begins with a dash is named as a shell takes it`() throws {
            let made = try Millrace.shell(
                "cd '\(folder.url.path)'; \(millrace) new Mine --path --"
            )
            #expect(made.status == 0)
            #expect(made.output.hasSuffix("next: millrace run ./--\n"), "\(made.output)")
            let absent = try Millrace.shell("\(millrace) describe -- -x/y")
            #expect(absent.status == 1)
            #expect(absent.errors.contains("--path ./-x/y\n"), "\(absent.errors)")
        }

        @Test(arguments: ["run", "plan", "describe"])
        func `without Swift it is said what is missing`(word: String) throws {
            let job = try unbuildable("Job")
            let data = folder.path("data")
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            for path in ["PATH=/nonexist", "-u PATH PATH=", "PATH='\(folder.url.path)'"] {
                let outcome = try Millrace.shell(
                    "env \(path) \(millrace) \(word) '\(job)' --data '\(data)'"
                )
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("error: Swift was not found"), "\(path)")
                #expect(outcome.errors.contains("next: install Swift"))
                #expect(!outcome.errors.contains("cannot be read"))
            }
        }

        @Test(arguments: ["run", "plan", "describe"])
        func `a product of a binary is refused`(word: String) throws {
            let outcome = try Millrace.run(
                word,
                Millrace.executable.path,
                "--product",
                "x"
            )
            #expect(outcome.status == 64, "\(outcome.errors)")
            #expect(outcome.errors.contains("--product is for a package"))
        }

        @Test func `a build folder that cannot be made is told in the system's words`() throws {
            let data = folder.path("data")
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let outcome = try Millrace.shell(
                "MILLRACE_BUILD=/proc/none \(millrace) run Jobs/WordCount --data '\(data)'"
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("where: /proc/none"), "\(outcome.errors)")
            #expect(outcome.errors.contains("why: No such file or directory"))
        }

        /// The package manager's lock is its own affair: a program of its name says what it says.
        @Test func `a build that waits for another one says so`() throws {
            let job = try unbuildable("Job")
            let go = folder.path("go")
            let tool = try folder.write(
                "bin/swift",
                """
                #!/bin/sh
                printf '%s' "Another instance of SwiftPM (PID: 4711) is already running using \
                '/a/b', waiting until that process has finished execution..."
                for try in $(seq 600); do [ -e '\(go)' ] && break; sleep 0.1; done
                echo '{"name": "Job", "products": [], "targets": [], "dependencies": []}'
                """
            )
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755],
                ofItemAtPath: tool.path
            )
            let outcome = try Millrace.shell(
                """
                PATH="\(folder.path("bin")):$PATH"
                errors='\(folder.path("errors"))'
                \(millrace) describe '\(job)' 2> "$errors" & pid=$!
                until grep -q waits "$errors" || ! kill -0 $pid 2>/dev/null; do sleep 0.1; done
                cat "$errors"
                touch '\(go)'
                wait $pid
                """
            )
            #expect(
                outcome.output
                    == "note: the build waits for another one, of process 4711, in /a/b\n"
            )
            let errors = try String(contentsOfFile: folder.path("errors"), encoding: .utf8)
            #expect(errors.contains("the package is no job"), "\(errors)")
        }

        /// The package manager starts each compiler in a process group of its own.
        @Test(arguments: ["TERM", "HUP", "QUIT"])
        func `a signal while the compiler works ends the compiler`(signal: String) throws {
            let job = folder.path("Slow")
            _ = try folder.write(
                "Slow/Package.swift",
                """
                // swift-tools-version: 6.0
                import PackageDescription
                let package = Package(
                    name: "Slow",
                    products: [.executable(name: "Slow", targets: ["Slow"])],
                    targets: [.executableTarget(name: "Slow")]
                )
                """
            )
            // Minutes of work for the compiler.
            let functions = (0..<3_000).map { number in
                "func f\(number)(_ a: Int, _ b: Double) -> Double { let x = [a, \(number), a * 2]"
                    + ".map { Double($0) * b }.filter { $0 > \(number).5 }.reduce(0, +); "
                    + "return x + Double(a) * b - Double(\(number)) }\n"
            }
            _ = try folder.write(
                "Slow/Sources/Slow/main.swift",
                functions.joined() + "print(f1(1, 2))\n"
            )
            let outcome = try Millrace.shell(
                """
                compilers() {
                    for file in /proc/[0-9]*/cmdline; do
                        tr '\\0' ' ' 2>/dev/null < "$file" \
                            | grep -q '^[^ ]*swift-frontend .*\(job)' && return 0
                    done
                    return 1
                }
                setsid \(millrace) describe '\(job)' > /dev/null 2>&1 & pid=$!
                for try in $(seq 600); do
                    compilers || ! kill -0 $pid 2>/dev/null && break
                    sleep 0.1
                done
                kill -\(signal) $pid || exit 97
                for try in $(seq 100); do
                    compilers || break
                    sleep 0.05
                done
                compilers && exit 98
                find '\(job)/.build' -name Slow -type f -perm -u+x
                """
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.output.isEmpty, "\(outcome.output)")
        }
    }
}
