import Broker
import Coordination
import DirectoryAccess
import Foundation
import LogModel
import Testing

extension EndToEnd {
    /// What a command does, and says, where it is ended, or who it speaks with is gone.
    @Suite(.serialized) struct EndedEarlyTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }
        private var millrace: String { "'\(Millrace.executable.path)'" }

        init() throws { folder = try TemporaryFolder() }

        private func produce(_ count: Int, to topic: String) throws {
            let lines = try Millrace.shell(
                "seq \(count) | \(millrace) produce \(topic) --data '\(data)'"
            )
            #expect(lines.status == 0, "\(lines.errors)")
        }

        // MARK: Its reader is gone

        @Test(arguments: ["alone", "served"])
        func `who waits for more sees that nobody reads any more`(way: String) throws {
            try Millrace.succeed("topic", "create", "t", "--data", data)
            try produce(10, to: "t")
            let owner = way == "served" ? try OwnerProcess.serve(data, folder) : nil
            let outcome = try Millrace.shell(
                "timeout 60 \(millrace) consume t --data '\(data)' | head -1; "
                    + "echo ${PIPESTATUS[0]}"
            )
            #expect(outcome.lines == ["1", "0"], "\(outcome.errors)")
            try owner?.stop()
        }

        // MARK: Nobody answers

        /// A stopped process answers nothing, and does not go.
        @Test func `a signal is not kept waiting by an owner that does not answer`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            try Millrace.succeed("topic", "create", "t", "--data", data)
            kill(owner.identifier, SIGSTOP)
            let begin = Date()
            let address = try owner.address
            let port = try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
            let hexPort = String(port, radix: 16, uppercase: true)
            // It waits for an answer once its connection is there: state 01 of the system's table.
            let outcome = try Millrace.shell(
                """
                \(millrace) consume t --group g --bootstrap \(address) &
                pid=$!
                until grep -q ':0*\(hexPort) 01 ' /proc/net/tcp || ! kill -0 $pid; do :; done
                kill -INT $pid
                wait $pid
                """
            )
            kill(owner.identifier, SIGCONT)
            #expect(outcome.status == 1, "\(outcome)")
            #expect(outcome.errors.contains("a signal asked for the end"), "\(outcome.errors)")
            #expect(!outcome.errors.contains("CommandFailure("), "\(outcome.errors)")
            #expect(Date().timeIntervalSince(begin) < 25, "it waited as long as without a signal")
            try owner.stop()
        }

        @Test func `a group's reader says in words that its log has gone`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            try Millrace.succeed("topic", "create", "t", "--data", data)
            try produce(3, to: "t")
            let output = folder.url.appending(path: "read")
            let errors = folder.url.appending(path: "read-errors")
            let reader = try Millrace.start(
                Millrace.executable,
                ["consume", "t", "--group", "g", "--data", data],
                input: nil,
                output: output,
                errors: errors
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            while try Data(contentsOf: output).isEmpty, Date() < deadline { usleep(5000) }
            owner.kill()
            reader.waitUntilExit()
            let said = try String(contentsOf: errors, encoding: .utf8)
            #expect(reader.terminationStatus == 1)
            #expect(said.contains("the group's position was not noted: "), "\(said)")
            for word in ["CommandFailure", "Optional(", "Terminal."] {
                #expect(!said.contains(word), "\(said)")
            }
        }

        // MARK: Signals

        @Test func `SIGQUIT ends at once`() throws {
            try Millrace.succeed("topic", "create", "t", "--data", data)
            let owner = try OwnerProcess.serve(data, folder)
            #expect(owner.end(by: SIGQUIT) == 128 + SIGQUIT)
            #expect(try owner.warnings.contains("ended at once"))
        }

        @Test func `SIGQUIT ends what only reads at once as well`() throws {
            try Millrace.succeed("topic", "create", "t", "--data", data)
            try produce(50_000, to: "t")
            // Nobody takes what it prints, so that the signal finds it at work.
            let outcome = try Millrace.shell(
                """
                cd '\(folder.url.path)' && mkfifo read
                \(millrace) log dump --records --data data > read 2> err &
                pid=$!
                exec 3< read
                read -r first <&3
                kill -QUIT $pid
                wait $pid
                """
            )
            #expect(outcome.status == 131, "\(outcome)")
            let said = try String(contentsOfFile: folder.path("err"), encoding: .utf8)
            #expect(said == "")
        }

        @Test(arguments: [false, true])
        func `a run that is ended before it has caught up says what is left`(asJSON: Bool) throws {
            try Millrace.succeed("topic", "create", "lines", "--data", data)
            try produce(3, to: "lines")
            // It waits for the end of this transaction, so that the signal finds it at work.
            try OpenTransaction.leave("t", in: data, timeout: .seconds(600))
            let job = folder.path("WordCount")
            try FileManager.default.createSymbolicLink(
                at: URL(filePath: job),
                withDestinationURL: Millrace.executable.deletingLastPathComponent()
                    .appending(path: "JobsUnderTest")
            )
            let errors = folder.url.appending(path: "run-errors")
            let output = folder.url.appending(path: "run-output")
            let run = try Millrace.start(
                URL(filePath: job),
                ["run", "--data", data, "--until-caught-up"] + (asJSON ? ["--json"] : []),
                input: nil,
                output: output,
                errors: errors
            )
            let deadline = Date(timeIntervalSinceNow: 60)
            while try !String(contentsOf: errors, encoding: .utf8).contains("waits for"),
                Date() < deadline
            { usleep(5000) }
            run.interrupt()
            run.waitUntilExit()
            #expect(run.terminationStatus == 0)
            let said = try String(contentsOf: output, encoding: .utf8)
            let wanted =
                asJSON
                ? "\"offsets_left\":1,"
                : "word-count: stopped before the end of its input: 1 offset of lines is left; "
                    + "the next run goes on\n"
            #expect(said.contains(wanted), "\(said)")
        }

        // MARK: Ends

        /// The reader takes a line, and more comes before it takes the rest.
        @Test func `until the end is until the end that there was at the start`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            try Millrace.succeed("topic", "create", "t", "--data", data)
            try produce(200_000, to: "t")
            let outcome = try Millrace.shell(
                """
                cd '\(folder.url.path)' && mkfifo read
                \(millrace) consume t --until-end --data '\(data)' > read &
                exec 3< read
                read -r first <&3
                seq 1000 | \(millrace) produce t --data '\(data)' > more
                tail -n 1 <&3
                """
            )
            #expect(outcome.lines == ["200000"], "\(outcome.errors)")
            try owner.stop()
        }

        /// The other partition is read, and nothing is proposed that would pass over its records.
        @Test(arguments: [false, true])
        func `a group behind the end of a partition is told so`(isDamaged: Bool) throws {
            try Millrace.succeed("topic", "create", "t", "--partitions", "2", "--data", data)
            for partition in 0..<2 {
                let sent = try Millrace.shell(
                    "seq 3 | \(millrace) produce t --partition \(partition) --data '\(data)'"
                )
                #expect(sent.status == 0)
            }
            let log = try OpenLog(data, creates: false)
            let position = CommittedOffset(
                offset: Offset(isDamaged ? 3 : 500),
                commitTime: SystemTimeSource().wallTime()
            )
            try log.broker.commitOffsets(
                group: "g",
                [TopicPartition("t", PartitionIndex(0)): position]
            )
            try log.close()
            if isDamaged {
                let segment = URL(filePath: "\(data)/t-0/00000000000000000000.log")
                let handle = try FileHandle(forWritingTo: segment)
                try handle.truncate(atOffset: 20)
                try handle.close()
            }
            let refused = try Millrace.tool(
                Millrace.executable,
                ["consume", "t", "--group", "g", "--data", data, "--until-end"],
                input: nil
            )
            #expect(refused.status == 1)
            #expect(refused.lines == ["1", "2", "3"])
            let said = isDamaged ? "t-0 is damaged" : "'g' stands behind the end of t-0"
            #expect(refused.errors.contains(said), "\(refused.errors)")
            #expect(!refused.errors.contains("--execute"), "\(refused.errors)")
        }

        /// A producer of lines that come from a pipe: `count` of them, what happens once all of
        /// these can be read, more of them, and the end.
        private func produce(
            _ count: Int,
            then event: String,
            _ rest: String
        ) throws
            -> (status: Int32, output: String, errors: String)
        {
            let outcome = try Millrace.shell(
                """
                cd '\(folder.url.path)' && mkfifo lines
                \(millrace) produce t --data data --linger 10ms < lines > out 2> err &
                pid=$!
                exec 3> lines
                seq \(count) >&3
                for try in $(seq 500); do
                    read=$(\(millrace) consume t --until-end --data data | wc -l)
                    [ "$read" = \(count) ] && break
                done
                \(event)
                \(rest) >&3
                exec 3>&-
                wait $pid
                """
            )
            return (
                outcome.status, try String(contentsOfFile: folder.path("out"), encoding: .utf8),
                try String(contentsOfFile: folder.path("err"), encoding: .utf8)
            )
        }

        @Test func `what was acknowledged counts where the server goes before the end`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            try Millrace.succeed("topic", "create", "t", "--data", data)
            let outcome = try produce(2, then: "kill -9 \(owner.identifier)", ":")
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output == "produced 2 records to t\n")
            owner.kill()
        }

        @Test(arguments: [false, true])
        func `a producer says that its topic was deleted, made anew or not`(anew: Bool) throws {
            let owner = try OwnerProcess.serve(data, folder)
            try Millrace.succeed("topic", "create", "t", "--data", data)
            let delete = "\(millrace) topic delete t --data data"
            let create = anew ? "\(millrace) topic create t --data data" : ":"
            let outcome = try produce(5, then: "\(delete); \(create)", "seq 6 10")
            #expect(outcome.status == 1, "\(outcome.errors)")
            let said = "the topic 't' was deleted while it was written to"
            #expect(outcome.errors.contains(said), "\(outcome.errors)")
            #expect(!outcome.errors.contains("in the topic"), "\(outcome.errors)")
            try owner.stop()
        }

        // MARK: Looking makes nothing

        @Test func `who asks for a group makes no topic`() throws {
            try Millrace.succeed("topic", "create", "t", "--data", data)
            for words in [
                ["group", "describe", "g"], ["group", "delete", "g"], ["group", "list"], ["lag"],
                ["group", "reset", "g", "--topic", "t"],
            ] {
                _ = try Millrace.tool(
                    Millrace.executable,
                    words + ["--data", data],
                    input: nil
                )
            }
            let listed = try Millrace.succeed("topic", "list", "--internal", "--data", data)
            #expect(!listed.output.contains("__consumer_offsets"), "\(listed.output)")
        }

        @Test func `the format of a job's topic may be taken away, not made another`() throws {
            let owner = "millrace.owner=word-count/counts"
            let topic = "word-count-counts-changelog"
            try Millrace.succeed(
                "topic",
                "create",
                topic,
                "--config",
                "millrace.format=keyValue;utf8;utf8",
                "--config",
                owner,
                "--data",
                data
            )
            let other = "millrace.format=keyValue;utf8;int64"
            let alter = ["topic", "alter", topic, "--data", data, "--config", other]
            let refused = try Millrace.tool(Millrace.executable, alter, input: nil)
            #expect(refused.status == 1)
            let none = "millrace.format="
            try Millrace.succeed("topic", "alter", topic, "--config", none, "--data", data)
            let shown = try Millrace.succeed("topic", "describe", topic, "--data", data)
            #expect(!shown.output.contains("millrace.format"), "\(shown.output)")
            #expect(shown.output.contains(owner))
        }
    }
}
