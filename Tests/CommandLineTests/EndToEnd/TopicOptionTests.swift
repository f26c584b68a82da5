import Foundation
import Testing

extension EndToEnd {
    /// Options of Kafka's that the log does not heed, and those that nobody has.
    @Suite(.serialized) struct TopicOptionTests: DirectorySuite {
        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            try succeed("topic", "create", "t")
        }

        /// Does `body` alone, and beside a server.
        private func both(_ body: () throws -> Void) throws {
            try body()
            let owner = try OwnerProcess.serve(data, folder)
            try body()
            try owner.stop()
        }

        @Test func `what cannot be set is shown as fixed, and all else can be set`() throws {
            try both {
                let text = try succeed("topic", "describe", "t", "--defaults").output
                let parts = text.components(separatedBy: "\nfixed (")
                #expect(parts.count == 2, "\(text)")
                #expect(parts.last?.contains("  min.insync.replicas=1\n") == true)
                let settable = try #require(parts.first).matches(of: /\n  ([a-z.]+)=(.*)/)
                #expect(settable.contains { $0.1 == "retention.ms" && $0.2 == "604800000" })
                // What takes it back keeps all for ever.
                for option in settable where option.1 != "cleanup.policy" {
                    try succeed("topic", "alter", "t", "--config", "\(option.1)=\(option.2)")
                    try succeed("topic", "alter", "t", "--config", "\(option.1)=")
                }
                let json = try succeed("topic", "describe", "t", "--json").output
                let found = try JSONSerialization.jsonObject(with: Data(json.utf8))
                let topic = try #require(found as? [String: Any])
                let fixed = try #require(topic["fixed"] as? [String: String])
                let defaults = try #require(topic["defaults"] as? [String: String])
                #expect(fixed["segment.jitter.ms"] == "0" && fixed["retention.ms"] == nil)
                #expect(defaults["retention.ms"] != nil && defaults["segment.jitter.ms"] == nil)
                for (name, value) in fixed {
                    let refused = try run(["topic", "alter", "t", "--config", "\(name)=\(value)"])
                    let shown = value.isEmpty ? "no value" : value
                    let why =
                        "why: Kafka has the option \(name); in this log it is fixed at \(shown)"
                    #expect(refused.status == 1 && refused.errors.contains(why), "\(refused)")
                }
            }
        }

        @Test func `what cannot be set is shown as fixed over the network as well`() throws {
            let local = try succeed("topic", "describe", "t", "--defaults").output
            let owner = try OwnerProcess.serve(data, folder)
            let server = ["--bootstrap", try owner.address]
            let words = ["topic", "describe", "t", "--defaults"] + server
            let remote = try Millrace.tool(Millrace.executable, words, input: nil)
            #expect(remote.status == 0 && remote.output == local, "\(remote)")
            #expect(local.contains("\nfixed ("), "\(local)")
            let refused = try Millrace.tool(
                Millrace.executable,
                ["topic", "alter", "t", "--config", "min.insync.replicas=2"] + server,
                input: nil
            )
            #expect(refused.status == 1)
            #expect(refused.errors.contains("takes its default alone: \"1\""), "\(refused.errors)")
            try owner.stop()
        }

        @Test func `a new topic gets none of them, and none is made`() throws {
            try both {
                let words = ["topic", "create", "n", "m", "--config", "min.insync.replicas=2"]
                let refused = try run(words)
                #expect(refused.status == 1)
                #expect(refused.errors.contains("fixed at 1"), "\(refused.errors)")
                #expect(refused.errors.contains("next: leave it out\n"), "\(refused.errors)")
                #expect(try succeed("topic", "list").lines.count == 2)
            }
        }

        @Test func `one of them is taken for a new topic where it changes nothing`() throws {
            var number = 0
            try both {
                number += 1
                try succeed(
                    "topic",
                    "create",
                    "n\(number)",
                    "--config",
                    "min.insync.replicas=1",
                    "--config",
                    "retention.ms=5"
                )
                let options = try succeed("topic", "describe", "n\(number)").output
                #expect(options.contains("retention.ms=5"), "\(options)")
                #expect(!options.contains("min.insync"), "\(options)")
            }
        }

        @Test func `an option that nobody has is refused with those that there are`() throws {
            try both {
                for words in [["create", "n"], ["alter", "t"]] {
                    let refused = try run(["topic"] + words + ["--config", "retention.msec=1"])
                    #expect(refused.status == 1)
                    #expect(
                        refused.errors.contains(
                            "'retention.msec' is no topic option; did you mean retention.ms?; "
                                + "known are cleanup.policy, "
                        ),
                        "\(refused.errors)"
                    )
                }
                let altered = try run(["topic", "alter", "t", "--config", "no.such=1"])
                #expect(
                    altered.errors.contains("next: millrace topic describe --defaults t --data "),
                    "\(altered.errors)"
                )
            }
        }
    }
}
