import Foundation
import MillraceTestKit
import Testing

extension EndToEnd {
    /// `millrace dlq` on a stopped directory, beside a running job, and killed on its way.
    @Suite(.serialized) struct DeadLetterTests: DirectorySuite {
        private static let letters = "dlq-template-dead-letters"

        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// Dead letters as a job would write them, of records of `source`.
        private func write(
            _ values: [String],
            reason: String,
            source: String = "payments",
            partition: Int = 0
        ) throws {
            try succeed(
                "produce",
                Self.letters,
                "--key-separator",
                ":",
                "--header",
                "trace=t",
                "--header",
                "__streams.errors.topic=\(source)",
                "--header",
                "__streams.errors.partition=\(partition)",
                "--header",
                "__streams.errors.message=it was \(reason)",
                "--header",
                "__millrace.errors.reason=\(reason)",
                "--header",
                "__millrace.errors.job=dlq-template",
                input: values.map { "\($0)\n" }.joined()
            )
        }

        /// The open dead letters by reason.
        private func open() throws -> [String: Int] {
            let lines = try succeed("dlq", "list", "--group-by", "reason", "--json").lines
            var counts: [String: Int] = [:]
            for line in lines {
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
                let fields = try #require(object as? [String: Any])
                let reason = try #require(fields["reason"] as? String)
                counts[reason] = try #require(fields["open"] as? Int)
            }
            return counts
        }

        private func consumed(_ topic: String, _ format: String = "%s\\n") throws -> [String] {
            try succeed("consume", topic, "--until-end", "--format", format).lines
        }

        /// What a topic has, once it has so many records: a partition may learn a little later than
        /// its coordinator that a transaction is committed.
        private func consumed(_ topic: String, count: Int) throws -> [String] {
            let deadline = Date(timeIntervalSinceNow: 30)
            var lines = try consumed(topic)
            while lines.count < count, Date() < deadline { lines = try consumed(topic) }
            return lines
        }

        // MARK: A stopped directory

        @Test func `dead letters are listed, shown, replayed, parked and dropped`() throws {
            try succeed("topic", "create", "payments", "--partitions", "2")
            try succeed("topic", "create", Self.letters)
            try write(["a:1", "b:2", "c:3"], reason: "refused", partition: 1)
            try write(["d:4"], reason: "decode")
            try write(["e:5"], reason: "lost", source: "nowhere")
            #expect(try open() == ["refused": 3, "decode": 1, "lost": 1])
            let table = try succeed("dlq", "list").output
            #expect(table.contains("\(Self.letters): 5 dead letters, 5 open"))
            #expect(table.contains("refused  payments"))

            let shown = try succeed("dlq", "show", Self.letters, "--where", "key=b").output
            for words in ["offset 1: open", "it was refused", "payments-1", "trace=t", "b", "2"] {
                #expect(shown.contains(words), "\(shown)")
            }

            let check = ["dlq", "check", "--max-depth", "4"]
            #expect(try run(check).status == 2)
            let rehearsed = try succeed(
                "dlq",
                "replay",
                Self.letters,
                "--all",
                "--dry-run"
            ).output
            #expect(rehearsed.contains("would be replayed to payments: 4 dead letters"))
            #expect(rehearsed.contains("left open: 1 dead letter, from a topic or partition"))
            #expect(try consumed("payments").isEmpty)

            let replayed = try succeed(
                "dlq",
                "replay",
                Self.letters,
                "--where",
                "reason=refused and key=a,b"
            ).output
            #expect(replayed.contains("replayed 2 dead letters in 1 transaction"))
            // To the partition that they came from, with their own headers.
            let back = try consumed("payments", "%p %k %s %h\\n")
            #expect(back.count == 2)
            for line in back {
                #expect(line.hasPrefix("1 "))
                #expect(line.contains("trace=t,__millrace.replay.id="))
                #expect(line.contains("__millrace.replay.letter=\(Self.letters)/0/"))
                #expect(!line.contains("__streams.errors"))
            }
            #expect(try open() == ["refused": 1, "decode": 1, "lost": 1])
            #expect(
                try succeed("dlq", "replay", Self.letters, "--where", "key=a,b").output
                    .contains("replayed 0 dead letters")
            )

            try parkAndDrop()
        }

        /// Goes on with the letters whose records are not replayed.
        private func parkAndDrop() throws {
            let check = ["dlq", "check", "--max-depth", "4"]
            try succeed("dlq", "park", Self.letters, "--where", "reason=decode")
            try succeed("dlq", "drop", Self.letters, "--where", "reason=lost", "--reason", "old")
            #expect(try open() == ["refused": 1, "decode": 0, "lost": 0])
            #expect(try run(check).status == 0)
            let parked = try succeed(
                "dlq",
                "show",
                Self.letters,
                "--where",
                "state=parked",
                "--json"
            )
            #expect(parked.lines.count == 1)
            try succeed("dlq", "replay", Self.letters, "--where", "state=parked")
            #expect(try consumed("payments").sorted() == ["1", "2", "4"])
            let audit = try consumed("\(Self.letters)-audit", "%k %s %h\\n")
            #expect(audit.count == 4)
            #expect(audit.contains { $0.contains("__millrace.audit.reason=old") })
        }

        @Test func `a command that names nothing, or what is not there, is refused`() throws {
            try succeed("topic", "create", Self.letters)
            for (words, status, said) in [
                (["dlq", "replay", Self.letters], 64, "--where CONDITIONS or --all"),
                (["dlq", "drop", Self.letters, "--all"], 64, "--reason"),
                (["dlq", "check"], 64, "--max-depth"),
                (["dlq", "show", "dlq-template-dead-letter"], 1, "did you mean"),
                (["dlq", "list", "--where", "resaon=a"], 64, "did you mean 'reason'?"),
                (["dlq", "replay", Self.letters, "--all", "--to", "nowhere"], 1, "does not exist"),
                (
                    ["dlq", "replay", Self.letters, "--all", "--stop-on-refail"], 1,
                    "no job runs on the directory"
                ),
            ] as [([String], Int32, String)] {
                let outcome = try run(words)
                #expect(outcome.status == status, "\(words): \(outcome.errors)")
                #expect(outcome.errors.contains(said), "\(words): \(outcome.errors)")
            }
        }

        @Test func `a log without dead letters is told to have none`() throws {
            try succeed("topic", "create", "payments")
            for words in [["list"], ["list", "--json"], ["check", "--max-depth", "0"]] {
                let outcome = try succeed(["dlq"] + words)
                #expect(outcome.output == "")
                #expect(outcome.errors.contains("no topic of \(data) ends in -dead-letters"))
            }
        }

        @Test func `an audit record of a later version stops every command`() throws {
            try succeed("topic", "create", Self.letters)
            try succeed("topic", "create", "payments")
            try write(["a:1"], reason: "refused")
            try succeed("topic", "create", "\(Self.letters)-audit", "--config", "retention.ms=-1")
            try succeed(
                "produce",
                "\(Self.letters)-audit",
                "--header",
                "__millrace.audit.version=2",
                input: "0-17\n"
            )
            let outcome = try run(["dlq", "replay", Self.letters, "--all"])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("-audit-0 at offset 0"))
            #expect(try consumed("payments").isEmpty)
        }

        // MARK: Beside a job

        @Test func `a replay beside its job stops where records fail again`() throws {
            try succeed("topic", "create", "payments", "--partitions", "2")
            let job = try OwnerProcess.job("DlqTemplate", data, folder)
            try succeed(
                "produce",
                "payments",
                "--key-separator",
                "=",
                input: (0..<5).map { "k\($0)={\"cents\":0}\n" }.joined()
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            while try open() != ["refused-payment": 5], Date() < deadline { usleep(50_000) }
            #expect(try open() == ["refused-payment": 5])
            // These are good: what was wrong with them is mended.
            try write((0..<7).map { "m\($0):{\"cents\":500}" }, reason: "mended")

            let good = try run([
                "dlq", "replay", Self.letters, "--where", "reason=mended", "--batch", "1..4",
                "--stop-on-refail",
            ])
            #expect(good.status == 0, "\(good.errors)")
            #expect(good.output.contains("replayed 7 dead letters in 3 transactions"))
            #expect(try consumed("dlq-template-receipts", count: 7).count == 7)

            let bad = try run([
                "dlq", "replay", Self.letters, "--where", "reason=refused-payment", "--batch", "2",
                "--stop-on-refail",
            ])
            #expect(bad.status == 2, "\(bad.output)\(bad.errors)")
            #expect(bad.output.contains("replayed 2 dead letters in 1 transaction"))
            #expect(bad.output.contains("2 records of this replay failed again"))
            #expect(bad.output.contains("nothing is to be paid"))
            // Two are replayed, and are there again as two new ones.
            #expect(try open()["refused-payment"] == 5)
            let again = try succeed(
                "dlq",
                "show",
                Self.letters,
                "--where",
                "attempts=6",
                "--json"
            )
            #expect(again.lines.count == 2)
            try job.stop()
        }

        @Test func `a replay that a signal stops says so, and what is left open`() throws {
            try succeed("topic", "create", "payments", "--partitions", "2")
            try succeed("topic", "create", Self.letters)
            try write(["a:1", "b:2", "c:3"], reason: "refused")
            let owner = try OwnerProcess.serve(data, folder)
            let (output, errors) = (
                folder.url.appending(path: "output"), folder.url.appending(path: "errors")
            )
            // Nobody reads as that group: it waits until the signal comes.
            let process = try Millrace.start(
                Millrace.executable,
                [
                    "dlq", "replay", Self.letters, "--all", "--batch", "1", "--stop-on-refail",
                    "--group", "nobody", "--data", data,
                ],
                input: nil,
                output: output,
                errors: errors
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            while try open() != ["refused": 2], Date() < deadline { usleep(20_000) }
            process.interrupt()
            process.waitUntilExit()
            let said = String(decoding: try Data(contentsOf: output), as: UTF8.self)
            #expect(process.terminationStatus == 130, "\(said)")
            #expect(said.contains("replayed 1 dead letter in 1 transaction"), "\(said)")
            #expect(said.contains("stopped by a signal: "), "\(said)")
            #expect(said.contains("not yet dealt with are left open"), "\(said)")
            #expect(try open() == ["refused": 2])
            try owner.stop()
        }

        // MARK: Kills

        @Test(arguments: [false, true])
        func `a replay killed again and again replays every dead letter once`(
            isBesideOwner: Bool
        ) throws {
            let environment = ProcessInfo.processInfo.environment
            let seed =
                environment["MILLRACE_SEED"].flatMap { UInt64($0) }
                ?? UInt64.random(in: 1...999_999)
            print("DEAD LETTER KILLS: MILLRACE_SEED=\(seed) brings the same kills")
            var generator = SeededGenerator(seed: seed)
            let count = 4000
            try succeed("topic", "create", "payments", "--partitions", "3")
            try succeed("topic", "create", Self.letters, "--partitions", "2")
            for partition in 0..<2 {
                let values = (0..<(count / 2)).map { "k\($0):p\(partition)-\($0)" }
                try write(values, reason: "refused", partition: partition)
            }
            let owner = isBesideOwner ? try OwnerProcess.serve(data, folder) : nil
            var killCount = 0
            var isDone = false
            for round in 0..<40 {
                let errors = folder.url.appending(path: "errors-\(round)")
                let process = try Millrace.start(
                    Millrace.executable,
                    ["dlq", "replay", Self.letters, "--all", "--batch", "20", "--data", data],
                    input: nil,
                    output: folder.url.appending(path: "output-\(round)"),
                    errors: errors
                )
                // Later rounds have more time: one of them comes to the end.
                usleep(UInt32(20_000 + generator.below(20_000 * (round + 1))))
                if process.isRunning { killCount += 1 }
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                guard process.terminationReason == .exit else { continue }
                isDone = process.terminationStatus == 0
                let words = try String(contentsOf: errors, encoding: .utf8)
                #expect(isDone, "\(words)")
                break
            }
            if !isDone { try succeed("dlq", "replay", Self.letters, "--all") }
            #expect(killCount > 0)
            #expect(try open() == ["refused": 0])
            let replayed = try consumed("payments", count: count)
            #expect(replayed.count == count)
            #expect(Set(replayed).count == count)
            try owner?.stop()
            let verification = try run(["log", "verify"])
            #expect(verification.status == 0, "\(verification.output)\(verification.errors)")
        }

        // MARK: Size

        /// Seven kinds, half of them replayed in growing batches; 1.2 million with
        /// MILLRACE_SCALE=10.
        @Test func `many dead letters of seven kinds are told apart and drained`() throws {
            let environment = ProcessInfo.processInfo.environment
            let scale = environment["MILLRACE_SCALE"].flatMap { Int($0) } ?? 1
            let kinds = ["decode", "refused", "held", "too-large", "late", "timeout", "no-key"]
            let perKind = scale >= 10 ? 171_429 : 4000 * scale
            try succeed("topic", "create", "payments", "--partitions", "4")
            try succeed("topic", "create", Self.letters, "--partitions", "4")
            for (index, kind) in kinds.enumerated() {
                let values = (0..<perKind).map { "k\($0):\(kind)-\($0)" }
                try write(values, reason: kind, partition: index % 4)
            }
            let all = Dictionary(uniqueKeysWithValues: kinds.map { ($0, perKind) })
            #expect(try open() == all)
            var clock = ContinuousClock.now
            func passed() -> Duration {
                defer { clock = .now }
                return clock.duration(to: .now)
            }
            _ = passed()
            try succeed("dlq", "list")
            print("DEAD LETTERS: list of \(perKind * kinds.count) in \(passed())")
            let replayed = try succeed(
                "dlq",
                "replay",
                Self.letters,
                "--where",
                "reason=decode,late,no-key",
                "--batch",
                "100..10000"
            ).output
            print("DEAD LETTERS: replay of \(perKind * 3) in \(passed()): \(replayed)")
            let left = all.filter { !["decode", "late", "no-key"].contains($0.key) }
            #expect(try open().filter { $0.value > 0 } == left)
            let values = try consumed("payments")
            #expect(values.count == perKind * 3)
            #expect(Set(values).count == values.count)
        }
    }
}
