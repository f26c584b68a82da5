import Foundation
import Testing

extension EndToEnd {
    /// `make install`: the program and what jobs are built with, away from the checkout.
    @Suite(.serialized) struct InstallTests {
        private let folder: TemporaryFolder
        private var prefix: String { folder.path("usr with blanks") }
        private var share: String { "\(prefix)/share/millrace" }

        init() throws { folder = try TemporaryFolder() }

        /// Runs a script in another folder than the checkout's, the installed program in front.
        private func shell(_ script: String) throws -> Millrace.Outcome {
            try Millrace.shell(
                """
                set -e
                cd '\(folder.url.path)'
                unset MILLRACE_HOME MILLRACE_BUILD
                export PATH='\(prefix)/bin':"$PATH" XDG_CACHE_HOME='\(folder.path("cache"))'
                \(script)
                """
            )
        }

        private func install() throws {
            let outcome = try Millrace.shell(
                "MILLRACE_PROGRAM='\(Millrace.executable.path)' scripts/install '\(prefix)'"
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
        }

        @Test func `a new job's package is found from any folder, and where it has moved`() throws {
            try install()
            let made = try shell("millrace version; millrace new Mine --path job")
            #expect(made.status == 0, "\(made.errors)")
            let manifest = try String(
                contentsOfFile: folder.path("job/Package.swift"),
                encoding: .utf8
            )
            #expect(manifest.contains("\"\(share)\""), "\(manifest)")
            let resolve = "swift package --package-path job --scratch-path built show-dependencies"
            let found = try shell(resolve)
            #expect(found.status == 0 && found.output.contains(share), "\(found.errors)")

            let moved = folder.path("opt/share/millrace")
            let elsewhere = try shell(
                """
                mkdir -p opt
                mv '\(prefix)/share' opt/share
                MILLRACE_HOME='\(moved)' \(resolve)
                """
            )
            #expect(elsewhere.status == 0, "\(elsewhere.errors)")
            #expect(elsewhere.output.contains(moved), "\(elsewhere.output)")
            let lost = try shell("millrace new Other --path other")
            #expect(lost.status == 1)
            #expect(lost.errors.contains("the Millrace package was not found"), "\(lost.errors)")
        }

        @Test func `a shell completes the installed program's words`() throws {
            try install()
            let completed = try shell(
                """
                source '\(prefix)/share/bash-completion/completions/millrace'
                COMP_WORDS=(millrace doc); COMP_CWORD=1; _millrace
                printf '%s\\n' "${COMPREPLY[@]}"
                """
            )
            #expect(completed.lines == ["doctor"], "\(completed.errors)")
            for file in ["zsh/site-functions/_millrace", "fish/vendor_completions.d/millrace.fish"]
            {
                let text = try String(contentsOfFile: "\(prefix)/share/\(file)", encoding: .utf8)
                #expect(text.contains("doctor"))
            }
        }

        @Test func `what was installed is taken away, and nothing else`() throws {
            try install()
            try Data().write(to: URL(filePath: "\(prefix)/bin/other"))
            // A second one takes the place of the first.
            try install()
            let removed = try Millrace.shell("scripts/install --remove '\(prefix)'")
            #expect(removed.status == 0, "\(removed.errors)")
            let names = try FileManager.default.subpathsOfDirectory(atPath: prefix)
            let files = names.filter { name in
                var isFolder: ObjCBool = false
                let path = "\(prefix)/\(name)"
                return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
                    && !isFolder.boolValue
            }
            #expect(files == ["bin/other"])

            _ = try folder.write("usr with blanks/share/millrace/notes", "mine")
            let refused = try Millrace.shell(
                "MILLRACE_PROGRAM='\(Millrace.executable.path)' scripts/install '\(prefix)'"
            )
            #expect(refused.status == 1 && refused.errors.contains("move it away"))
        }

        @Test func `what somebody else has put there is neither written over nor removed`() throws {
            let program = "MILLRACE_PROGRAM='\(Millrace.executable.path)'"
            for file in [
                "bin/millrace", "share/bash-completion/completions/millrace",
                "share/zsh/site-functions/_millrace",
            ] {
                let path = try folder.write("usr with blanks/\(file)", "mine").path
                for way in ["", "--remove"] {
                    let refused = try Millrace.shell(
                        "\(program) scripts/install \(way) '\(prefix)'"
                    )
                    #expect(refused.status == 1, "\(refused)")
                    let what = "\(path) is not what this script made: move it away"
                    #expect(refused.errors.contains(what), "\(refused.errors)")
                }
                #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
                #expect(!FileManager.default.fileExists(atPath: share))
                try FileManager.default.removeItem(atPath: path)
            }
            let link = "ln -s /nonexist '\(prefix)/bin/millrace'"
            #expect(try Millrace.shell("\(link); scripts/install --remove '\(prefix)'").status == 1)
        }

        @Test func `where nothing is installed, nothing is said to be removed`() throws {
            let refused = try Millrace.shell("scripts/install --remove '\(folder.path("none"))'")
            #expect(refused.status == 1 && refused.output == "")
            #expect(refused.errors.contains("nothing was removed"), "\(refused.errors)")
        }

        /// Shells that pass `PREFIX=~/.local` on as it is would have a folder of that name made.
        @Test func `a prefix that a shell has not expanded is refused, a relative one is found`()
            throws
        {
            let script = Millrace.root.appending(path: "scripts/install").path
            let program = "MILLRACE_PROGRAM='\(Millrace.executable.path)'"
            for prefix in ["~/.local", "~somebody/x"] {
                for way in ["", "--remove"] {
                    let refused = try shell("\(program) '\(script)' \(way) '\(prefix)'")
                    #expect(refused.status == 1, "\(refused)")
                    #expect(refused.errors.contains(#"PREFIX="$HOME/.local""#), "\(refused.errors)")
                }
            }
            let relative = try shell("mkdir here; cd here; \(program) '\(script)' 'my own'")
            #expect(relative.status == 0, "\(relative.errors)")
            let binary = folder.path("here/my own/bin/millrace")
            #expect(FileManager.default.isExecutableFile(atPath: binary))
        }

        /// Compiles all of Millrace anew, so only where there is time: `make nightly`.
        @Test(.enabled(if: ProcessInfo.processInfo.environment["MILLRACE_SCALE"] != nil))
        func `a new job is tested and runs with the installed program alone`() throws {
            try install()
            let outcome = try shell(
                """
                millrace new Mine --path job >&2
                millrace test job >&2
                cd job
                millrace topic create lines --partitions 1 >&2
                millrace produce lines Data/lines.txt >&2
                millrace run . --until-caught-up >&2
                millrace state get counts be
                """
            )
            #expect(outcome.status == 0, "\(outcome.errors.suffix(2_000))")
            #expect(outcome.lines == ["2"])
        }
    }
}
