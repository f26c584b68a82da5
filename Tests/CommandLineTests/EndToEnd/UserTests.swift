import Foundation
import Testing

extension EndToEnd {
    /// `millrace user` at a terminal, for some mechanisms, and beside a file that is damaged.
    @Suite struct UserTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            try succeed("topic", "create", "t")
        }

        private func set(_ words: String..., password: String = "first") throws -> String {
            try succeed(["user", "set"] + words, input: password + "\n").output
        }

        private var users: [String] {
            get throws { try succeed("user", "list", "--json").lines }
        }

        // MARK: A terminal

        private static let asked = "password of alice: "
        private static let again = "the same again: "

        @Test func `a terminal is asked twice, and shows nothing of the password`() throws {
            let terminal = try PseudoTerminal()
            let (status, shown) = try terminal.run(
                ["user", "set", "alice", "--data", data],
                [
                    .init(prompt: Self.asked, keys: "se\u{E4}same\n"),
                    .init(prompt: Self.again, keys: "se\u{E4}same\n"),
                ]
            )
            #expect(status == 0, "\(shown)")
            #expect(!shown.contains("same\r\n") && !shown.contains("se\u{E4}"), "\(shown)")
            #expect(try users.count == 2)
            #expect(terminal.echoes)
        }

        @Test func `two that are not the same are no password`() throws {
            let terminal = try PseudoTerminal()
            let (status, shown) = try terminal.run(
                ["user", "set", "alice", "--data", data],
                [
                    .init(prompt: Self.asked, keys: "one\n"),
                    .init(prompt: Self.again, keys: "two\n"),
                ]
            )
            #expect(status == 1)
            #expect(shown.contains("the second is not the first"), "\(shown)")
            #expect(try users.isEmpty)
            #expect(terminal.echoes)
        }

        /// Ctrl-C, and the same behind half a password and at the second prompt; Ctrl-Backslash.
        @Test(
            arguments: [
                (["\u{3}"], 130), (["half\u{3}"], 130), (["whole\n", "\u{3}"], 130),
                (["\u{1C}"], 131),
            ] as [([String], Int32)]
        )
        func `a signal at the prompt changes nothing`(keys: [String], status: Int32) throws {
            let terminal = try PseudoTerminal()
            let (ended, shown) = try terminal.run(
                ["user", "set", "alice", "--data", data],
                zip([Self.asked, Self.again], keys).map { .init(prompt: $0, keys: $1) }
            )
            #expect(ended == status, "\(shown)")
            #expect(try users.isEmpty)
            #expect(terminal.echoes)
        }

        // MARK: Mechanisms

        @Test func `a change of one mechanism tells what still holds for the others`() throws {
            #expect(try set("alice") == "set the password of alice\n")
            let changed = try set("alice", "--mechanism", "SCRAM-SHA-512", password: "second")
            #expect(
                changed == "set the password of alice for SCRAM-SHA-512; the password from before "
                    + "still holds for SCRAM-SHA-256, and for PLAIN where a listener of Millrace "
                    + "takes that\n"
            )
            let other = try set("alice", "--mechanism", "SCRAM-SHA-256", password: "second")
            #expect(other.hasSuffix("still holds for SCRAM-SHA-512\n"), "\(other)")
            let words = ["user", "delete", "alice", "--mechanism"]
            let deleted = try succeed(words + ["SCRAM-SHA-512"]).output
            #expect(deleted.hasPrefix("deleted alice for SCRAM-SHA-512; the password from before"))
            #expect(deleted.contains("SCRAM-SHA-256, and for PLAIN"), "\(deleted)")
            let last = try succeed(words + ["SCRAM-SHA-256"]).output
            #expect(last == "deleted alice for SCRAM-SHA-256\n")
            #expect(try set("bob", "--mechanism", "SCRAM-SHA-256").contains("still") == false)
        }

        // MARK: Damage

        @Test func `a damaged file of users is told, and is not the absence of users`() throws {
            _ = try set("alice")
            let file = URL(filePath: "\(data)/.millrace/users")
            var bytes = try Data(contentsOf: file)
            bytes[bytes.count - 1] ^= 1
            try bytes.write(to: file)
            for words in [
                ["list"], ["delete", "alice"], ["set", "alice", "--mechanism", "SCRAM-SHA-256"],
            ] {
                let outcome = try run(["user"] + words, input: "other\n")
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains(".millrace/users is damaged"), "\(outcome)")
                #expect(outcome.errors.contains("next: put the file back"), "\(outcome)")
                #expect(!outcome.errors.contains("not known") && outcome.output.isEmpty)
            }
            let doctor = try run(["doctor"])
            #expect(doctor.status == 1)
            #expect(doctor.output.contains("users is damaged"), "\(doctor.output)")
            #expect(try Data(contentsOf: file) == bytes)
        }

        // MARK: Text

        @Test func `a name or password that is no text is refused`() throws {
            let password = folder.url.appending(path: "bytes")
            try Data([0x66, 0xFC, 0x6E, 0x66, 0x0A]).write(to: password)
            let outcome = try run(["user", "set", "alice", "--password-file", password.path])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("UTF-8"), "\(outcome.errors)")
            let named = try Millrace.shell(
                "'\(Millrace.executable.path)' user set $'f\\xfcnf' --data '\(data)' <<< secret"
            )
            #expect(named.status == 64)
            #expect(named.errors.contains("UTF-8"), "\(named.errors)")
            #expect(try users.isEmpty)
        }
    }
}
