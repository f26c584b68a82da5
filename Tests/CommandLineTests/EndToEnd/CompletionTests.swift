import Foundation
import Testing

extension EndToEnd {
    /// What bash offers for a word.
    @Suite(.serialized) struct CompletionTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        /// The words that are offered behind `words`, of which the last is begun.
        private func offered(_ words: [String], environment: String = "") throws -> [String] {
            let quoted = words.map { "'\($0)'" }.joined(separator: " ")
            let outcome = try Millrace.shell(
                "\(environment) source <('\(Millrace.executable.path)' completions bash); "
                    + "COMP_WORDS=(\(quoted)); COMP_CWORD=\(words.count - 1); _millrace; "
                    + "printf '%s\\n' \"${COMPREPLY[@]}\""
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.errors == "")
            return outcome.lines
        }

        @Test func `commands, options and their words are offered`() throws {
            #expect(try offered(["millrace", "topic", "del"]) == ["delete", "delete-records"])
            #expect(try offered(["millrace", "consume", "--unt"]) == ["--until", "--until-end"])
            #expect(try offered(["millrace", "consume", "--output", "j"]) == ["json"])
        }

        @Test func `the names of topics are offered, of the folder that is meant`() throws {
            try Millrace.succeed(
                "topic",
                "create",
                "orders",
                "orders-2",
                "users",
                "--partitions",
                "12",
                "--data",
                data
            )
            let given = ["millrace", "consume", "--data", data]
            #expect(try offered(given + ["ord"]) == ["orders", "orders-2"])
            #expect(
                try offered(["millrace", "group", "reset", "g", "--data", data, "--topic", "u"])
                    == ["users"]
            )
            let place = "export MILLRACE_DATA='\(data)';"
            let produced = try offered(["millrace", "produce", "us"], environment: place)
            #expect(produced == ["users"])
            let cluster = ["millrace", "consume", "--bootstrap", "127.0.0.1:9092", "ord"]
            #expect(try offered(cluster, environment: place) == [])
        }

        /// The words are given to the function as a shell has them, as they were typed.
        @Test(arguments: [
            "'FOLDER/d 3'", "\"FOLDER/d 3\"", "FOLDER/d\\ 3", "$PLACE/d\\ 3", "${PLACE}/d\\ 3",
            "~/d\\ 3",
        ])
        func `the folder is found however it was typed`(typed: String) throws {
            let path = folder.path("d 3")
            try Millrace.succeed("topic", "create", "orders", "--data", path)
            let word = typed.replacing("FOLDER", with: folder.url.path)
            let quoted = "'" + word.replacing("'", with: #"'\''"#) + "'"
            for words in ["--data \(quoted)", "--data = \(quoted)"] {
                let outcome = try Millrace.shell(
                    """
                    export HOME='\(folder.url.path)' PLACE='\(folder.url.path)'
                    source <('\(Millrace.executable.path)' completions bash)
                    COMP_WORDS=(millrace consume \(words) ord)
                    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                    _millrace
                    printf '%s\\n' "${COMPREPLY[@]}"
                    """
                )
                #expect(outcome.lines == ["orders"], "\(words): \(outcome)")
            }
        }

        @Test func `a value behind an equals sign is offered`() throws {
            #expect(try offered(["millrace", "consume", "--output", "=", "j"]) == ["json"])
            #expect(try offered(["millrace", "consume", "--output", "="]).contains("json"))
        }

        /// The shell itself puts a slash behind what names a folder, where it is told of files.
        @Test func `only what is a path is told to the shell as one`() throws {
            let script = try Millrace.succeed("completions", "bash").output
            #expect(script.contains("complete -F _millrace millrace\n"))
            let tells = script.split(separator: "\n").filter { $0.contains("compopt -o filenames") }
            #expect(tells.count == 1)
        }

        @Test func `the names of groups are offered, of jobs and of those that an owner knows`()
            throws
        {
            let program = Millrace.executable.path
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            let begun = [program, "lag", "--data", data, ""]
            #expect(try offered(begun).filter { !$0.hasPrefix("-") } == [])
            let input = try folder.write("input", "a rose\n")
            try Millrace.succeed("produce", "lines", "--data", data, input: input)
            try Millrace.succeed(
                "consume",
                "lines",
                "--group",
                "audit",
                "--until-end",
                "--data",
                data
            )
            try FileManager.default.createDirectory(
                atPath: "\(data)/.millrace/state/word-count",
                withIntermediateDirectories: true
            )
            // Nobody is there who could be asked.
            #expect(try offered(begun).filter { !$0.hasPrefix("-") } == ["word-count"])
            let owner = try OwnerProcess.serve(data, folder)
            #expect(try offered(begun).filter { !$0.hasPrefix("-") } == ["audit", "word-count"])
            #expect(
                try offered([program, "consume", "lines", "--data", data, "--group", "a"])
                    == ["audit"]
            )
            try owner.stop()
        }

        @Test func `files and folders are offered where a path is typed, and nowhere else`() throws
        {
            let place = folder.path("files")
            _ = try folder.write("files/a b.txt", "")
            _ = try folder.write("files/sub/x", "")
            let (file, sub) = ("\(place)/a b.txt", "\(place)/sub")
            for words in [
                ["user", "set", "ada", "--password-file"], ["topic", "list", "--command-config"],
                ["produce", "orders"], ["produce", "--partition", "0", "orders", file],
            ] {
                let found = try offered(["millrace"] + words + ["\(place)/"])
                #expect(found.sorted() == [file, sub], "\(words)")
            }
            for words in [
                ["new", "mine", "--path"], ["topic", "list", "--data"],
                ["bench", "count", "--directory"],
            ] {
                #expect(try offered(["millrace"] + words + ["\(place)/"]) == [sub], "\(words)")
                // Not the command's own words.
                let all = try offered(["millrace"] + words + [""])
                #expect(all.contains("Sources") && !all.contains { $0.hasPrefix("-") }, "\(words)")
            }
            for words in [["topic", "create", "t", "--partitions"], ["consume", "t", "--max"]] {
                #expect(try offered(["millrace"] + words + [""]) == [], "\(words)")
            }
            #expect(try offered(["millrace", "topic", "describe", "\(place)/"]) == [])
            #expect(try offered(["millrace", "produce", "orders", "--part"]) == ["--partition"])
        }

        /// A shell that need not be here, by its script.
        @Test func `fish is told where files are offered`() throws {
            let script = try Millrace.succeed("completions", "fish").lines
            #expect(script.contains("complete -c millrace -f"))
            func line(_ command: String, _ option: String) throws -> String {
                try #require(
                    script.first {
                        $0.contains(" '_millrace_at millrace \(command)'")
                            && $0.contains(" -l \(option) ")
                    },
                    "\(command) \(option)"
                )
            }
            #expect(try line("new", "path").contains(" -x -a '(__fish_complete_directories)' "))
            #expect(try line("user set", "password-file").contains(" -r -F "))
            #expect(try line("topic list", "command-config").contains(" -r -F "))
            #expect(try !line("topic create", "partitions").contains("-F"))
            #expect(script.contains { $0.hasSuffix("'_millrace_at millrace produce' -F") })
        }

        @Test func `the folders of jobs are offered`() throws {
            #expect(
                try offered(["millrace", "run", "Jobs/W"]) == ["Jobs/WordCount"]
            )
            #expect(try offered(["millrace", "plan", "Jo"]).contains("Jobs/Orders"))
            #expect(try offered(["millrace", "run", "Sou"]) == ["Sources"])
        }
    }
}
