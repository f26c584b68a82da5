import Foundation
import Testing

extension EndToEnd {
    /// What the commands say of partitions and folders that are not as they should be.
    @Suite(.serialized) struct PartitionStateTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }
        private static let segment = "00000000000000000000.log"

        init() throws { folder = try TemporaryFolder() }

        private func lines(_ count: Int, partitions: Int) throws {
            try Millrace.succeed(
                "topic",
                "create",
                "lines",
                "--partitions",
                "\(partitions)",
                "--data",
                data
            )
            for partition in 0..<partitions {
                let text = (0..<count).map { "\(partition).\($0)\n" }.joined()
                try Millrace.succeed(
                    "produce",
                    "lines",
                    "--partition",
                    "\(partition)",
                    "--data",
                    data,
                    input: try folder.write("input", text)
                )
            }
        }

        /// Names and contents below a folder.
        private func fingerprint(_ path: String) throws -> String {
            try Millrace.shell(
                "cd '\(path)' && find . | sort && find . -type f | sort | xargs -r cat"
            ).output
        }

        @Test func `what nobody looked at is not said to be good`() throws {
            try lines(2, partitions: 1)
            let listed = try Millrace.succeed("topic", "list", "--json", "--data", data)
            #expect(listed.output.contains("\"high_watermark\":2,\"state\":\"not_opened\"}"))
            let shown = try Millrace.succeed("topic", "describe", "lines", "--json", "--data", data)
            #expect(shown.output.contains("\"high_watermark\":2,\"state\":\"good\"}"))
        }

        @Test func `a verification in JSON has each finding and what was read`() throws {
            try lines(2, partitions: 2)
            func verify() throws -> (status: Int32, lines: [[String: Any]]) {
                let ended = try Millrace.tool(
                    Millrace.executable,
                    ["log", "verify", "--json", "--data", data],
                    input: nil
                )
                let lines = try ended.output.split(separator: "\n").map {
                    try #require(
                        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
                    )
                }
                return (ended.status, lines)
            }
            let whole = try verify()
            #expect(whole.status == 0 && whole.lines.count == 1)
            #expect(whole.lines[0]["records"] as? Int == 4)
            #expect(whole.lines[0]["damaged"] as? Int == 0)
            let file = "\(data)/lines-1/\(Self.segment)"
            let change = "printf x | dd of='\(file)' bs=1 seek=70 conv=notrunc 2>/dev/null"
            #expect(try Millrace.shell(change).status == 0)
            let damaged = try verify()
            #expect(damaged.status == 1 && damaged.lines.count == 2)
            #expect(damaged.lines[0]["kind"] as? String == "damage")
            #expect(damaged.lines[0]["file"] as? String == file)
            #expect(damaged.lines[0]["offset"] as? Int == 0)
            #expect(damaged.lines[1]["damaged"] as? Int == 1)
        }

        @Test
        func `a partition that nothing was written to is verified, one that is not there not`()
            throws
        {
            try Millrace.succeed("topic", "create", "fresh", "--partitions", "2", "--data", data)
            for words in [["--topic", "fresh"], ["--topic", "fresh", "--partition", "1"]] {
                let verified = try Millrace.tool(
                    Millrace.executable,
                    ["log", "verify", "--data", data] + words,
                    input: nil
                )
                #expect(verified.status == 0, "\(verified.errors)")
            }
            for words in [["--topic", "fresher"], ["--topic", "fresh", "--partition", "2"]] {
                let refused = try Millrace.tool(
                    Millrace.executable,
                    ["log", "verify", "--data", data] + words,
                    input: nil
                )
                #expect(refused.status == 1)
                #expect(refused.errors.contains("no such partition"))
            }
        }

        @Test func `a partition that is offline is shown with the reason, beside the others`()
            throws
        {
            try lines(2, partitions: 3)
            try FileManager.default.removeItem(atPath: "\(data)/lines-1")
            let text = try Millrace.succeed("topic", "describe", "lines", "--data", data)
            #expect(text.output.contains("   1      -       -     -  offline\n"))
            #expect(text.output.contains("partition 1 is offline: the folder "))
            #expect(text.output.contains("is missing"))
            #expect(text.output.contains("   2      0       2     2\n"))
            let json = try Millrace.succeed("topic", "describe", "lines", "--json", "--data", data)
            #expect(
                json.output.contains(
                    "{\"partition\":1,\"log_start\":null,\"last_stable_offset\":null,"
                        + "\"high_watermark\":null,\"state\":\"offline\",\"reason\":"
                )
            )
            #expect(json.output.contains("\"high_watermark\":2,\"state\":\"good\"}"))
            let other = try Millrace.succeed(
                "consume",
                "lines",
                "--partition",
                "2",
                "--until-end",
                "--data",
                data
            )
            #expect(other.lines == ["2.0", "2.1"])
            let failed = try Millrace.run("consume", "lines", "--until-end", "--data", data)
            #expect(failed.status == 1)
            #expect(failed.errors.contains("lines-1 is offline"))
        }

        /// Ended in order, the owner knows a partition's offsets without opening it; killed, not.
        @Test(arguments: [false, true])
        func `beside its owner the others are read as well, and it ends as alone`(
            killed: Bool
        ) throws {
            try lines(2, partitions: 3)
            let before = try OwnerProcess.serve(data, folder)
            let words = ["lines", "--data", data]
            let more = try folder.write("more", "x\n")
            _ = try Millrace.tool(
                Millrace.executable,
                ["produce", "--partition", "0"] + words,
                input: more
            )
            if killed { before.kill() } else { try before.stop() }
            try FileManager.default.removeItem(atPath: "\(data)/lines-1")
            let owner = try OwnerProcess.serve(data, folder)
            let read = ["consume", "--until-end"] + words
            let all = try Millrace.tool(Millrace.executable, read, input: nil)
            #expect(all.status == 1)
            #expect(all.lines.sorted() == ["0.0", "0.1", "2.0", "2.1", "x"])
            let warning = "warning: lines-1 cannot be read; the other partitions are read"
            #expect(all.errors.hasPrefix(warning), "\(all.errors)")
            let rest = "\n  where: \(data)\n  why: lines-1: it is offline"
            #expect(all.errors.contains(rest), "\(all.errors)")
            #expect(all.errors.contains("error: lines-1 cannot be read"), "\(all.errors)")
            #expect(all.errors.contains("next: millrace topic describe lines"), "\(all.errors)")
            let one = read + ["--partition", "1"]
            let none = try Millrace.tool(Millrace.executable, one, input: nil)
            #expect(none.status == 1)
            #expect(none.lines == [])
            try owner.stop()
        }

        @Test func `a damaged partition is shown as read-only, and keeps what it has`() throws {
            try lines(2, partitions: 2)
            let handle = try FileHandle(
                forWritingTo: URL(filePath: "\(data)/lines-0/\(Self.segment)")
            )
            try handle.truncate(atOffset: 20)
            try handle.close()
            let text = try Millrace.succeed("topic", "describe", "lines", "--data", data)
            #expect(text.output.contains("read-only"))
            #expect(text.output.contains("partition 0 is read-only: damaged from offset 0 on"))
            let refused = try Millrace.run(
                "produce",
                "lines",
                "--partition",
                "0",
                "--data",
                data,
                input: try folder.write("more", "x\n")
            )
            #expect(refused.status == 1)
            #expect(refused.errors.contains("takes no more"))
            #expect(!refused.errors.contains("readOnly"))
            let list = try Millrace.succeed("topic", "list", "--data", data)
            #expect(list.output.contains("lines"))
        }

        @Test func `commands that only ask make no directory and change nothing`() throws {
            let mine = try folder.write("mine/file", "mine\n")
            let other = mine.deletingLastPathComponent().path
            let before = try fingerprint(other)
            for words in [
                ["topic", "list"], ["topic", "describe", "x"], ["topic", "delete", "x"],
                ["topic", "alter", "x", "--config", "retention.ms=1"],
                ["consume", "x", "--until-end"], ["produce", "x"], ["log", "verify"],
                ["topic", "create", "x"],
            ] {
                let outcome = try Millrace.tool(
                    Millrace.executable,
                    words + ["--data", other],
                    input: nil
                )
                #expect(outcome.status == 1, "\(words)")
                #expect(outcome.errors.contains("is no data directory"))
                #expect(try fingerprint(other) == before, "\(words)")
                guard words != ["topic", "create", "x"] else { continue }
                let none = try Millrace.tool(
                    Millrace.executable,
                    words + ["--data", folder.path("none")],
                    input: nil
                )
                #expect(none.status == 1, "\(words)")
                #expect(!FileManager.default.fileExists(atPath: folder.path("none")), "\(words)")
            }
        }

        @Test func `decisions of Kafka's that cannot be read are told to who verifies a topic`()
            throws
        {
            _ = try folder.write("kafka/meta.properties", "version=1\nnode.id=1\ncluster.id=a\n")
            _ = try folder.write("kafka/recovery-point-offset-checkpoint", "0\n0\n")
            _ = try folder.write("kafka/t-0/\(Self.segment)", "")
            let state = "kafka/__transaction_state-0/\(Self.segment)"
            _ = try folder.write(state, String(repeating: "no batch", count: 20))
            let kafka = folder.path("kafka")
            let topic = try Millrace.run("log", "verify", "--topic", "t", "--data", kafka)
            #expect(topic.status == 0, "\(topic.output)")
            #expect(topic.output.contains("note: __transaction_state-0: "), "\(topic.output)")
            #expect(topic.output.contains("are taken to be open"), "\(topic.output)")
            // Verified itself, it has a torn tail, and that is told once.
            let all = try Millrace.run("log", "verify", "--data", kafka)
            #expect(all.status == 0)
            #expect(all.lines.count { $0.contains("__transaction_state-0: ") } == 1)
            #expect(all.output.contains("a torn tail of 160 bytes"), "\(all.output)")
            #expect(!all.output.contains("are taken to be open"), "\(all.output)")
        }

        @Test func `a directory of Kafka's is left alone, and the way out of it is named`() throws {
            _ = try folder.write("kafka/meta.properties", "version=1\nnode.id=1\ncluster.id=a\n")
            _ = try folder.write("kafka/recovery-point-offset-checkpoint", "0\n0\n")
            let kafka = folder.path("kafka")
            let before = try fingerprint(kafka)
            for words in [
                ["topic", "list"], ["topic", "create", "x"], ["consume", "x"], ["produce", "x"],
            ] {
                let outcome = try Millrace.tool(
                    Millrace.executable,
                    words + ["--data", kafka],
                    input: nil
                )
                #expect(outcome.status == 1)
                #expect(
                    outcome.errors.contains("next: millrace log import \(kafka) --data NEWDIR")
                )
                #expect(try fingerprint(kafka) == before, "\(words)")
            }
        }

        @Test func `options of a topic are changed and taken back`() throws {
            let made = try Millrace.succeed("topic", "create", "a", "--data", data)
            #expect(made.output == "created a with 1 partition\n")
            let changed = try Millrace.succeed(
                "topic",
                "alter",
                "a",
                "--config",
                "retention.ms=60000",
                "--config",
                "segment.ms=1000",
                "--data",
                data
            )
            #expect(changed.output == "changed a: retention.ms=60000 segment.ms=1000\n")
            try Millrace.succeed("topic", "alter", "a", "--config", "segment.ms=", "--data", data)
            let text = try Millrace.succeed("topic", "describe", "a", "--data", data)
            #expect(text.output.contains("options\n  retention.ms=60000\n\n"))
            for option in ["no.such=1", "retention.ms=soon"] {
                let refused = try Millrace.run(
                    "topic",
                    "alter",
                    "a",
                    "--config",
                    option,
                    "--data",
                    data
                )
                #expect(refused.status == 1)
                #expect(refused.errors.contains("the topic 'a' was not changed"))
            }
        }

        @Test func `a description has an option a line and is narrow`() throws {
            try Millrace.succeed(
                "topic",
                "create",
                "a",
                "--config",
                "retention.ms=60000",
                "--config",
                "segment.ms=1000",
                "--data",
                data
            )
            let text = try Millrace.succeed("topic", "describe", "a", "--data", data)
            #expect(
                text.output.hasPrefix(
                    "topic a\noptions\n  retention.ms=60000\n  segment.ms=1000\n\n"
                )
            )
            #expect(text.lines.allSatisfy { $0.count <= 40 }, "\(text.output)")
            try Millrace.succeed("topic", "create", "b", "--data", data)
            let plain = try Millrace.succeed("topic", "describe", "b", "--data", data)
            #expect(plain.output.hasPrefix("topic b\noptions: defaults\n\n"))
        }

        @Test func `blanks around the words of an option are as nothing`() throws {
            let policy = "cleanup.policy= compact , delete"
            try Millrace.succeed("topic", "create", "c", "--config", policy, "--data", data)
            let shown = try Millrace.succeed("topic", "describe", "c", "--data", data)
            #expect(shown.output.contains("cleanup.policy=compact,delete\n"))
            for slip in ["delete,,compact", ",delete", "compact,"] {
                let words = ["topic", "create", "d", "--config", "cleanup.policy=\(slip)"]
                let refused = try Millrace.tool(
                    Millrace.executable,
                    words + ["--data", data],
                    input: nil
                )
                #expect(refused.status == 1, "\(slip)")
                #expect(refused.errors.contains("\(slip): expected delete, compact"))
            }
        }

        @Test(arguments: ["meta.properties", "c-0/00000000000000000000.log"])
        func `a named pipe in a file's place holds nobody up`(name: String) throws {
            try Millrace.succeed("topic", "create", "c", "--data", data)
            let input = try folder.write("input", "line\n")
            try Millrace.succeed("produce", "c", "--data", data, input: input)
            let command = "'\(Millrace.executable.path)' consume c --until-end --data '\(data)'"
            let outcome = try Millrace.shell(
                "rm '\(data)/\(name)'; mkfifo '\(data)/\(name)'; timeout 60 \(command)"
            )
            #expect(outcome.status == 1, "\(outcome.errors)")
            #expect(outcome.errors.contains("\(name) failed: it is no regular file"))
        }

        @Test func `lags of compaction that contradict each other are refused`() throws {
            let words = "--config min.compaction.lag.ms=1000 --config max.compaction.lag.ms=10"
            let command = "'\(Millrace.executable.path)' topic create c \(words) --data '\(data)'"
            let refused = try Millrace.shell(command)
            #expect(refused.status == 1)
            #expect(refused.errors.contains("(1000) > max.compaction.lag.ms (10)"))
            try Millrace.succeed("topic", "create", "c", "--data", data)
            for (option, status) in [
                ("max.compaction.lag.ms=10", 0), ("min.compaction.lag.ms=11", 1),
            ] {
                let alter = "topic alter c --config \(option) --data '\(data)'"
                let outcome = try Millrace.shell("'\(Millrace.executable.path)' \(alter)")
                #expect(outcome.status == status, "\(outcome.errors)")
            }
            let dump = try Millrace.shell(
                "'\(Millrace.executable.path)' log dump --topic c --partition 9 --data '\(data)'"
            )
            #expect(dump.errors.contains("why: the topic 'c' has 1 partition, 0"))
        }

        @Test func `out of descriptors a command says how to have more`() throws {
            try Millrace.succeed("topic", "create", "c", "--data", data)
            for (limit, command) in [(4, "topic list"), (6, "topic list"), (6, "produce c")] {
                let outcome = try Millrace.shell(
                    "ulimit -n \(limit); "
                        + "'\(Millrace.executable.path)' \(command) --data '\(data)'"
                )
                #expect(outcome.status == 1, "\(outcome.errors)")
                #expect(outcome.errors.contains("next: allow more open files (ulimit -n 65536)"))
            }
        }

        @Test func `a group whose position was deleted goes on at what is left`() throws {
            try Millrace.succeed(
                "topic",
                "create",
                "some",
                "--config",
                "segment.bytes=2000",
                "--config",
                "retention.bytes=4000",
                "--data",
                data
            )
            func produce(_ count: Int) throws {
                let text = (0..<count).map { "line \($0)\n" }.joined()
                let input = try folder.write("input", text)
                try Millrace.succeed("produce", "some", "--data", data, input: input)
            }
            func consume() throws -> Millrace.Outcome {
                try Millrace.succeed(
                    "consume",
                    "some",
                    "--group",
                    "g",
                    "--until-end",
                    "--data",
                    data
                )
            }
            try produce(5)
            #expect(try consume().lines.count == 5)
            for _ in 0..<10 { try produce(60) }
            try runUntilGone("\(data)/some-0/\(Self.segment)")
            let rest = try consume()
            #expect(rest.errors.contains("were deleted before the group read them"))
            #expect(rest.lines.last == "line 59")
            #expect(rest.lines.count < 600)
            #expect(try consume().lines == [])
        }

        @Test func `a group does not step over records whose segment is missing`() throws {
            try lines(3, partitions: 1)
            let segment = "\(data)/lines-0/\(Self.segment)"
            let aside = folder.path("aside")
            let words = ["consume", "lines", "--until-end", "--data", data]
            try FileManager.default.moveItem(atPath: segment, toPath: aside)
            for options in [["--group", "g"], []] {
                let failed = try Millrace.tool(
                    Millrace.executable,
                    words + options,
                    input: nil
                )
                #expect(failed.status == 1)
                #expect(failed.errors.contains("lines-0 is damaged"))
                #expect(!failed.errors.contains("were deleted"))
            }
            try FileManager.default.moveItem(atPath: aside, toPath: segment)
            let whole = try Millrace.tool(
                Millrace.executable,
                words + ["--group", "g"],
                input: nil
            )
            #expect(whole.lines == ["0.0", "0.1", "0.2"])
        }

        /// Lets a reader own the log until its housekeeping has removed a file.
        private func runUntilGone(_ path: String) throws {
            let owner = try Millrace.start(
                Millrace.executable,
                ["consume", "some", "--from", "end", "--data", data],
                input: nil,
                output: folder.url.appending(path: "output"),
                errors: folder.url.appending(path: "errors")
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            while FileManager.default.fileExists(atPath: path), Date() < deadline {
                usleep(10_000)
            }
            #expect(Date() < deadline, "retention removed nothing")
            owner.terminate()
            owner.waitUntilExit()
        }
    }
}
