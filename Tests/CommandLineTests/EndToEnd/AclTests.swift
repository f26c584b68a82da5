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

        @Test func `a removal that says nothing removes nothing`() throws {
            let refused = try Millrace.run("acl", "remove", "--execute", "--data", data)
            #expect(refused.status != 0)
        }
    }
}
