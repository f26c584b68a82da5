import Foundation
import Testing

extension EndToEnd {
    /// What zsh and fish offer, where they are.
    @Suite(.serialized) struct ShellCompletionTests {
        private static let zsh = "/usr/bin/zsh"
        private static let fish = "/usr/bin/fish"

        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }
        private var millrace: String { "'\(Millrace.executable.path)'" }

        init() throws { folder = try TemporaryFolder() }

        private static func has(_ path: String) -> Bool {
            if FileManager.default.isExecutableFile(atPath: path) { return true }
            print("SKIPPED: no \(path), of which the completions are looked at")
            return false
        }

        /// The script of a shell, in a file.
        private func script(_ shell: String) throws -> String {
            let output = try Millrace.succeed("completions", shell).output
            return try folder.write("_millrace", output).path
        }

        /// What fish offers behind a begun line, without what it says of each.
        private func fishOffers(_ line: String) throws -> [String] {
            let begun = "'" + line.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
            let words = "source '\(try script("fish"))'; complete -C \(begun)"
            let outcome = try Millrace.tool(
                URL(filePath: Self.fish),
                ["--no-config", "-c", "set -g PLACE '\(folder.url.path)'; \(words)"],
                input: nil
            )
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome)")
            return outcome.lines.map { String($0.prefix { $0 != "\t" }) }
        }

        /// What the function of zsh adds, where the completion system is a stub of itself: it is
        /// called with the words of a line, the last one begun.
        private func zshOffers(_ words: [String]) throws -> [String] {
            let quoted = words.map { "'" + $0.replacing("'", with: #"'\''"#) + "'" }
            let outcome = try Millrace.tool(
                URL(filePath: Self.zsh),
                [
                    "-f", "-c",
                    """
                    PLACE='\(folder.url.path)'
                    compdef() { :; }
                    compset() { :; }
                    _files() { print -r -- "files $*"; }
                    compadd() {
                        local begun="${words[CURRENT]}"
                        [[ "$begun" == --*=* ]] && begun="${begun#*=}"
                        local -a all=("${(@P)2}")
                        print -rl -- "${(@M)all:#${(b)begun}*}"
                    }
                    source '\(try script("zsh"))'
                    words=(\(quoted.joined(separator: " "))) CURRENT=${#words}
                    _millrace
                    """,
                ],
                input: nil
            )
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome)")
            return outcome.lines.filter { !$0.isEmpty }
        }

        @Test func `fish offers the words of the command, and no other's`() throws {
            guard Self.has(Self.fish) else { return }
            #expect(try fishOffers("millrace topic del") == ["delete", "delete-records"])
            #expect(try fishOffers("millrace consume --unt") == ["--until", "--until-end"])
            #expect(
                try fishOffers("millrace consume --output ").sorted()
                    == ["json", "length-prefixed", "text"]
            )
            #expect(try fishOffers("millrace topic create x --partitions ") == [])
            // Both have options of their own: describe is a command of several.
            let described = try fishOffers("millrace topic describe --")
            #expect(described.contains("--records") && !described.contains("--format"))
            #expect(try fishOffers("millrace topic create li") == [])
            #expect(try fishOffers("millrace consume --hel") == ["--help"])
        }

        @Test(arguments: [
            "--data FOLDER/data", "--data=FOLDER/data", "--data 'FOLDER/data'",
            "--data $PLACE/data",
        ])
        func `fish offers the topics of the folder that is meant`(words: String) throws {
            guard Self.has(Self.fish) else { return }
            try Millrace.succeed("topic", "create", "orders", "users", "--data", data)
            let place = words.replacing("FOLDER", with: folder.url.path)
            #expect(try fishOffers("millrace consume \(place) ord") == ["orders"])
            #expect(try fishOffers("millrace consume --bootstrap a:1 \(place) ord") == [])
        }

        @Test func `fish offers files where a path is typed`() throws {
            guard Self.has(Self.fish) else { return }
            _ = try folder.write("files/a.txt", "")
            _ = try folder.write("files/sub/x", "")
            let place = folder.path("files")
            #expect(
                try fishOffers("millrace user set ada --password-file \(place)/").sorted()
                    == ["\(place)/a.txt", "\(place)/sub/"]
            )
            #expect(try fishOffers("millrace topic list --data \(place)/") == ["\(place)/sub/"])
            #expect(try fishOffers("millrace topic describe \(place)/") == [])
        }

        @Test func `zsh offers the words of the command, and no other's`() throws {
            guard Self.has(Self.zsh) else { return }
            #expect(try zshOffers(["millrace", "topic", "del"]) == ["delete", "delete-records"])
            #expect(try zshOffers(["millrace", "consume", "--unt"]) == ["--until", "--until-end"])
            for words in [["--output", "j"], ["--output=j"]] {
                #expect(try zshOffers(["millrace", "consume"] + words) == ["json"])
            }
            #expect(try zshOffers(["millrace", "topic", "create", "x", "--partitions", ""]) == [])
            #expect(try zshOffers(["millrace", "topic", "list", "--data", ""]) == ["files -/"])
            #expect(
                try zshOffers(["millrace", "topic", "list", "--command-config", "x"]) == ["files "]
            )
            #expect(try zshOffers(["millrace", "run", "Jobs/W"]) == ["Jobs/WordCount"])
            #expect(try zshOffers(["millrace", "run", "Sou"]) == ["files "])
        }

        @Test(arguments: [
            ["--data", "FOLDER/d 3"], ["--data", "'FOLDER/d 3'"], ["--data", "FOLDER/d\\ 3"],
            ["--data", "\"FOLDER/d 3\""], ["--data", "$PLACE/d\\ 3"], ["--data=FOLDER/d\\ 3"],
        ])
        func `zsh offers the topics of the folder that is meant`(words: [String]) throws {
            guard Self.has(Self.zsh) else { return }
            try Millrace.succeed("topic", "create", "orders", "users", "--data", folder.path("d 3"))
            let place = words.map { $0.replacing("FOLDER", with: folder.url.path) }
            #expect(try zshOffers(["millrace", "consume"] + place + ["ord"]) == ["orders"])
        }

        /// Typed on a terminal: sourced, and as a file that zsh loads at the first word.
        @Test(arguments: [true, false])
        func `zsh takes the script, and completes a word`(isSourced: Bool) throws {
            guard Self.has(Self.zsh) else { return }
            let path = try script("zsh")
            let load = isSourced ? "source '\(path)'" : ":"
            let script = try folder.write(
                "typed",
                """
                zmodload zsh/zpty
                zpty shell 'env TERM=dumb zsh -f -i'
                zpty -w shell "PS1=; fpath=('\(folder.url.path)' \\$fpath)"
                zpty -w shell "autoload -Uz compinit; compinit -u -D; \(load); print -r BE''GUN"
                zpty -r -m shell said '*BEGUN*'
                zpty -w -n shell $'print -r millrace; : ; millrace topic delete-r\\t'
                zpty -r -m shell said '*delete-records*' && print completed
                zpty -d shell
                """
            )
            let outcome = try Millrace.shell("timeout 60 \(Self.zsh) -f '\(script.path)'")
            #expect(outcome.lines == ["completed"], "\(outcome)")
        }
    }
}
