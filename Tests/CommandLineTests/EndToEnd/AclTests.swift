import Foundation
import Testing

extension EndToEnd {
    /// `millrace acl` on a directory that nothing has open.
    @Suite struct AclTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws {
            folder = try TemporaryFolder()
            try Millrace.succeed("topic", "create", "orders", "--data", data)
        }

        @Test func `rules are made, shown, and removed once that is asked for`() throws {
            try Millrace.succeed(
                "acl",
                "add",
                "--allow",
                "User:alice",
                "--operation",
                "read",
                "--operation",
                "Write",
                "--topic",
                "orders",
                "--pattern",
                "prefixed",
                "--data",
                data
            )
            let listed = try Millrace.succeed("acl", "list", "--data", data).output
            #expect(listed.split(separator: "\n").count == 3)
            #expect(listed.contains("prefixed"))
            let lines = try Millrace.succeed("acl", "list", "--json", "--data", data).output
            let rules = try lines.split(separator: "\n").map {
                try JSONDecoder().decode([String: String].self, from: Data($0.utf8))
            }
            #expect(rules.map { $0["operation"] } == ["Read", "Write"])
            #expect(rules[0]["principal"] == "User:alice" && rules[0]["name"] == "orders")
            #expect(rules[0]["pattern"] == "prefixed" && rules[0]["permission"] == "allow")
            try Millrace.succeed(
                "acl",
                "remove",
                "--operation",
                "write",
                "--data",
                data
            )
            #expect(try Millrace.succeed("acl", "list", "--data", data).output == listed)
            try Millrace.succeed(
                "acl",
                "remove",
                "--operation",
                "write",
                "--execute",
                "--data",
                data
            )
            let left = try Millrace.succeed("acl", "list", "--data", data).output
            #expect(left.contains("Read") && !left.contains("Write"))
        }

        @Test func `a rule that is there is not made again`() throws {
            func add(_ words: String...) throws -> String {
                let added = try Millrace.tool(
                    Millrace.executable,
                    ["acl", "add", "--topic", "orders", "--operation", "read"] + words
                        + ["--data", data],
                    input: nil
                )
                #expect(added.status == 0, "\(added.errors)")
                return added.output
            }
            let first = try add("--allow", "User:a", "--allow", "User:b", "--allow", "User:a")
            #expect(first.hasSuffix("made 2 rules\n"), "\(first)")
            #expect(try add("--allow", "User:a") == "1 rule was there before\n")
            let third = try add("--allow", "User:a", "--allow", "User:b", "--allow", "User:c")
            #expect(third.hasPrefix("2 rules were there before\n"), "\(third)")
            #expect(third.hasSuffix("made 1 rule\n"), "\(third)")
        }

        @Test func `the rules of a topic are those that hold for it`() throws {
            for (user, words) in [
                ("whole", ["--topic", "orders"]), ("all", ["--topic", "*"]),
                ("begin", ["--topic", "ord", "--pattern", "prefixed"]),
                ("other", ["--topic", "order"]), ("group", ["--group", "orders"]),
                ("longer", ["--topic", "orders-", "--pattern", "prefixed"]),
            ] {
                let added = try Millrace.tool(
                    Millrace.executable,
                    ["acl", "add", "--allow", "User:\(user)", "--operation", "read"] + words
                        + ["--data", data],
                    input: nil
                )
                #expect(added.status == 0, "\(added.errors)")
            }
            func users(_ words: String...) throws -> Set<String> {
                let listed = try Millrace.tool(
                    Millrace.executable,
                    ["acl", "list", "--data", data] + words,
                    input: nil
                )
                #expect(listed.status == 0, "\(listed.errors)")
                let names = listed.lines.dropFirst().compactMap { $0.split(separator: " ").first }
                return Set(names.map { String($0.dropFirst("User:".count)) })
            }
            #expect(try users("--topic", "orders") == ["whole", "all", "begin"])
            #expect(try users("--topic", "orders", "--pattern", "literal") == ["whole"])
            #expect(try users("--topic", "ord", "--pattern", "prefixed") == ["begin"])
            #expect(try users("--group", "orders") == ["group"])
            // What is removed is what is named, and no rule of others.
            let removed = try Millrace.succeed("acl", "remove", "--topic", "orders", "--data", data)
            #expect(removed.output.contains("User:whole") && !removed.output.contains("User:all"))
        }

        @Test func `where some rules are refused, it is said which were made`() throws {
            let words = ["acl", "add", "--allow", "User:alice", "--operation", "read"]
            let half = try Millrace.tool(
                Millrace.executable,
                words + ["--topic", "orders", "--topic", "no topic", "--data", data],
                input: nil
            )
            #expect(half.status == 1)
            #expect(half.output.contains("made 1 rule\n"), "\(half.output)")
            #expect(half.output.contains("orders") && !half.output.contains("no topic"))
            #expect(half.errors.contains("1 of 2 rules was not made"), "\(half.errors)")
            let none = try Millrace.tool(
                Millrace.executable,
                words + ["--topic", "no topic", "--data", data],
                input: nil
            )
            #expect(none.status == 1 && none.output.isEmpty)
            #expect(none.errors.contains("the rules were not made"), "\(none.errors)")
        }

        @Test func `a removal that says nothing removes nothing`() throws {
            let refused = try Millrace.run("acl", "remove", "--execute", "--data", data)
            #expect(refused.status != 0)
        }
    }
}
