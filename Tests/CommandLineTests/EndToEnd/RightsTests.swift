import Foundation
import Testing

extension EndToEnd {
    /// The commands of somebody for whom access rules hold, and servers that look at none.
    @Suite struct RightsTests: DirectorySuite {
        private static let authorizer = "authorizer.class.name=standard"

        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func allow(_ operations: [String], _ resource: String...) throws {
            try succeed(
                ["acl", "add", "--allow", "User:ANONYMOUS"]
                    + operations.flatMap { ["--operation", $0] } + resource
            )
        }

        /// Runs a command as a stranger's.
        private func ask(_ owner: OwnerProcess, _ words: String...) throws -> Millrace.Outcome {
            try Millrace.tool(
                Millrace.executable,
                words + ["--bootstrap", try owner.address],
                input: nil
            )
        }

        @Test func `who may write need not see the topic's options`() throws {
            try succeed("topic", "create", "orders")
            let owner = try OwnerProcess.serve(data, folder, settings: [Self.authorizer])
            try allow(["write"], "--topic", "orders")
            let produced = try Millrace.tool(
                Millrace.executable,
                ["produce", "orders", "--bootstrap", try owner.address],
                input: try folder.write("lines", "a\nb\n")
            )
            #expect(produced.status == 0, "\(produced.errors)")
            try owner.stop()
            let read = try succeed("consume", "orders", "--until-end").output
            #expect(read.split(separator: "\n").count == 2, "\(read)")
        }

        @Test func `topics are listed for who may describe them, and a denial is no absence`()
            throws
        {
            try succeed("topic", "create", "orders", "secret")
            let owner = try OwnerProcess.serve(data, folder, settings: [Self.authorizer])
            try allow(["describe"], "--topic", "orders")
            let listed = try ask(owner, "topic", "list")
            #expect(listed.status == 0, "\(listed.errors)")
            #expect(listed.output.contains("orders") && !listed.output.contains("secret"))
            let lines = try ask(owner, "topic", "list", "--json").output
            #expect(lines.contains(#""options":null"#), "\(lines)")
            let denied = try ask(owner, "topic", "describe", "secret")
            #expect(denied.status == 1)
            #expect(denied.errors.contains("TOPIC_AUTHORIZATION_FAILED"), "\(denied.errors)")
            #expect(denied.errors.contains("a rule that lets this one"), "\(denied.errors)")
            #expect(!denied.errors.contains("not found"), "\(denied.errors)")
            try owner.stop()
        }

        @Test func `who writes to a job's own topic is told that it may be one`() throws {
            try succeed("topic", "create", "own", "--config", "millrace.owner=wc/counts")
            let owner = try OwnerProcess.serve(data, folder)
            let refused = try Millrace.tool(
                Millrace.executable,
                ["produce", "own", "--bootstrap", try owner.address],
                input: try folder.write("input", "x\n")
            )
            #expect(refused.status == 1)
            #expect(refused.errors.contains("next: if the topic is a job's own"))
            #expect(try ask(owner, "topic", "list", "--json").output.contains("millrace.owner"))
            try owner.stop()
        }

        @Test func `dlq does its work with the rights that its guide names`() throws {
            let letters = "p-dead-letters"
            try succeed("topic", "create", letters, "payments")
            for value in ["a", "b", "c"] {
                try succeed(
                    "produce",
                    letters,
                    "--header",
                    "__streams.errors.topic=payments",
                    "--header",
                    "__streams.errors.partition=0",
                    "--header",
                    "__streams.errors.offset=0",
                    input: "\(value)\n"
                )
            }
            let owner = try OwnerProcess.serve(data, folder, settings: [Self.authorizer])
            try allow(["read"], "--topic", letters, "--topic", "\(letters)-audit")
            try allow(["read"], "--topic", "payments")
            for words in [["list"], ["check", "--max-depth", "5"], ["show", letters]] {
                let outcome = try Millrace.tool(
                    Millrace.executable,
                    ["dlq"] + words + ["--bootstrap", try owner.address],
                    input: nil
                )
                #expect(outcome.status == 0, "\(words): \(outcome.errors)")
            }
            #expect(try ask(owner, "dlq", "park", letters, "--all").status == 1)
            try allow(["create", "write"], "--topic", "\(letters)-audit")
            try allow(["write"], "--transactional-id", "millrace-dlq-\(letters)")
            let parked = try ask(owner, "dlq", "park", letters, "--where", "offset=0")
            #expect(parked.status == 0, "\(parked.errors)")
            #expect(try ask(owner, "dlq", "replay", letters, "--all").status == 1)
            try allow(["write", "describeconfigs"], "--topic", "payments")
            let replayed = try ask(owner, "dlq", "replay", letters, "--where", "offset=1")
            #expect(replayed.output.contains("replayed 1 dead letter"), "\(replayed.errors)")
            try allow(["create", "write", "describeconfigs"], "--topic", "payments-replay")
            let side = try ask(owner, "dlq", "replay", letters, "--all", "--side")
            #expect(side.output.contains("replayed 1 dead letter"), "\(side.errors)")
            try owner.stop()
        }

        @Test func `a server without an authorizer says that rules hold for nobody`() throws {
            try succeed("topic", "create", "orders")
            let bare = try OwnerProcess.serve(data, folder)
            #expect(try !bare.warnings.contains("acls"))
            let refused = try run(["acl", "list"])
            #expect(refused.status == 1)
            #expect(refused.errors.contains("next: start it with --config authorizer"))
            try bare.stop()
            try allow(["read"], "--topic", "orders")
            let open = try OwnerProcess.serve(data, folder)
            #expect(
                try open.warnings.contains(
                    "warning: everybody may do everything: nothing looks at 1"
                )
            )
            try open.stop()
            let closed = try OwnerProcess.serve(data, folder, settings: [Self.authorizer])
            #expect(try !closed.warnings.contains("everybody"))
            try closed.stop()
        }

        @Test func `what would mean something else than it looks like is refused`() throws {
            try succeed("topic", "create", "orders")
            for resource in ["--topic", "--group", "--transactional-id"] {
                let outcome = try run([
                    "acl", "add", "--allow", "User:a", "--operation", "describe", resource, "*",
                    "--pattern", "prefixed",
                ])
                #expect(outcome.status == 1 && outcome.output.isEmpty, "\(resource)")
            }
            for (users, isTaken) in [
                ("User:a,User:b", false), ("User:a, User:b", false), ("User:a;b", false),
                ("User:CN=a,O=b;User:c", true),
            ] {
                let outcome = try run([
                    "serve", "--config", Self.authorizer, "--config", "super.users=\(users)",
                    // Refused behind the settings, so that nothing is served.
                    "--config", "num.partitions=0",
                ])
                #expect(outcome.status == 64)
                #expect(outcome.errors.contains("super.users") != isTaken, "\(outcome.errors)")
            }
        }
    }
}
