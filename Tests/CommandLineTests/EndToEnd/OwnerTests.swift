import Foundation
import Testing

extension EndToEnd {
    /// Commands beside the process that owns the data directory, and over TCP to it.
    @Suite(.serialized) struct OwnerTests {
        private let folder: TemporaryFolder
        private var data: String { folder.path("data") }

        init() throws { folder = try TemporaryFolder() }

        /// How a command is told which log it talks to.
        enum Way: CaseIterable { case data, bootstrap }

        private func words(_ way: Way, _ owner: OwnerProcess) throws -> [String] {
            switch way {
            case .data: ["--data", data]
            case .bootstrap: ["--bootstrap", try owner.address]
            }
        }

        private func run(_ words: [String], input: String? = nil) throws -> Millrace.Outcome {
            try Millrace.tool(
                Millrace.executable,
                words,
                input: try input.map { try folder.write("input", $0) }
            )
        }

        @discardableResult
        private func succeed(_ words: [String], input: String? = nil) throws -> Millrace.Outcome {
            let outcome = try run(words, input: input)
            #expect(outcome.status == 0, "\(words.joined(separator: " ")): \(outcome.errors)")
            return outcome
        }

        // MARK: Beside a server

        @Test func `the owner's user has small segments beside it too, a client has Kafka's`()
            throws
        {
            let owner = try OwnerProcess.serve(data, folder)
            let local = try words(.data, owner)
            let small = ["--config", "segment.bytes=2000"]
            try succeed(["topic", "create", "a"] + small + local)
            try succeed(["topic", "create", "b"] + local)
            let changed = try succeed(["topic", "alter", "b"] + small + local)
            #expect(changed.output == "changed b: segment.bytes=2000\n")
            let refused = try run(["topic", "create", "c"] + small + words(.bootstrap, owner))
            #expect(refused.status == 1)
            #expect(refused.errors.contains("Value must be at least 1048576"))
        }

        @Test(arguments: Way.allCases)
        func `every command says beside an owner what it says alone`(way: Way) throws {
            let owner = try OwnerProcess.serve(data, folder)
            let log = try words(way, owner)
            let made = try succeed(
                ["topic", "create", "a", "--partitions", "2", "--config", "retention.ms=-1"] + log
            )
            #expect(made.output == "created a with 2 partitions\n")
            try succeed(["topic", "create", "b"] + log)
            let produced = try succeed(
                ["produce", "a", "--key-separator", ":", "--header", "h=1"] + log,
                input: "k1:one\nk2:two\nk3:three\nk1:four\n"
            )
            #expect(produced.output == "produced 4 records to a\n")
            try succeed(["produce", "b", "--compression", "zstd"] + log, input: "x\ny\n")
            try succeed(["topic", "alter", "b", "--config", "segment.ms=1000"] + log)
            let format = "%p %o %k %s %h\\n"
            let anywhere = [
                ["topic", "list"], ["topic", "list", "--internal", "--json"],
                ["topic", "describe", "a"], ["topic", "describe", "b"],
                ["consume", "a", "--until-end", "--format", format],
                ["consume", "a", "--until-end", "--partition", "1", "--format", format],
                ["consume", "b", "--until-end", "--from", "1"],
                ["consume", "a", "--until-end", "--output", "json"],
                ["consume", "--regex", "[ab]", "--until-end", "--last", "1", "--null", "-"],
                ["consume", "b", "--until", "1", "--time", "iso", "--format", "%T"],
                ["consume", "b", "--until-end", "--from", "2100-01-01T00:00:00Z"],
                ["group", "list"], ["lag"], ["txn", "list", "--all"],
            ]
            // Of a cluster nobody knows which of Kafka's options are fixed there.
            let ofOwnLog = [
                ["topic", "describe", "a", "--json"], ["topic", "describe", "a", "--defaults"],
            ]
            let commands = anywhere + (way == .data ? ofOwnLog : [])
            let beside = try commands.map { try succeed($0 + log).output }
            try owner.stop()
            for (command, output) in zip(commands, beside) {
                let alone = try succeed(command + ["--data", data])
                let known = alone.output.replacing("\"not_opened\"", with: "\"good\"")
                #expect(known == output, "\(command)")
            }
        }

        @Test(arguments: Way.allCases)
        func `what is refused is refused with the next step`(way: Way) throws {
            let owner = try OwnerProcess.serve(data, folder)
            let log = try words(way, owner)
            try succeed(["topic", "create", "orders", "--partitions", "2"] + log)
            let option = way == .data ? "--data" : "--bootstrap"
            for (words, said) in [
                (["topic", "describe", "order"], ["did you mean 'orders'?", option]),
                (["topic", "create", "orders"], ["was not made", "already exists"]),
                (["topic", "create", "x", "--config", "no.such=1"], ["was not made", "no.such"]),
                (["topic", "delete", "none"], ["the topic 'none' does not exist"]),
                (["consume", "orders", "--partition", "7"], ["has no partition 7", "it has 2"]),
                (["consume", "orders", "--from", "9", "--until-end"], ["lies behind the end"]),
                (["group", "describe", "g"], ["the group 'g' does not exist"]),
                (["txn", "describe", "t"], ["the transactional id 't' is not known"]),
            ] {
                let outcome = try run(words + log)
                #expect(outcome.status == 1, "\(words)")
                for text in said { #expect(outcome.errors.contains(text), "\(outcome.errors)") }
                for text in ["rawValue", "Error(", "LogModel."] {
                    #expect(!outcome.errors.contains(text), "\(outcome.errors)")
                }
            }
            try owner.stop()
        }

        /// What cannot be seen must not pass for a group that is not behind.
        @Test func `how far a group is behind in a damaged partition is not told as nothing`()
            throws
        {
            try succeed(["topic", "create", "s", "--data", data])
            let lines = (0..<20).map { "\($0)\n" }.joined()
            try succeed(["produce", "s", "--data", data], input: lines)
            let read = [
                "consume", "s", "--group", "h", "--until-end", "--max", "1", "--data", data,
            ]
            try succeed(read)
            let path = data + "/s-0/00000000000000000000.log"
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            try file.seekToEnd()
            try file.write(contentsOf: Data(count: 64))
            try file.close()
            let commands = [
                ["lag", "h"], ["lag", "h", "--slo", "1h"], ["group", "describe", "h"],
            ]
            for command in commands {
                let outcome = try run(command + ["--data", data])
                #expect(outcome.status == 1, "\(outcome)")
                #expect(outcome.output.contains("?"), "\(outcome)")
                #expect(outcome.errors.contains("is not known"), "\(outcome)")
                #expect(outcome.errors.contains("log verify --topic s"), "\(outcome)")
                let next = try #require(outcome.errors.firstMatch(of: /next: millrace (.*)\n/))
                let pasted = "'\(Millrace.executable.path)' \(next.1)"
                #expect(try Millrace.shell(pasted).status == 1, "\(pasted)")
            }
        }

        @Test(arguments: Way.allCases)
        func `a group goes on where it stopped, is reset, and is deleted`(way: Way) throws {
            let owner = try OwnerProcess.serve(data, folder)
            let log = try words(way, owner)
            try succeed(["topic", "create", "a"] + log)
            try succeed(["produce", "a"] + log, input: "1\n2\n3\n")
            let read = ["consume", "a", "--group", "g", "--until-end"] + log
            #expect(try succeed(read + ["--max", "2"]).lines == ["1", "2"])
            #expect(try succeed(read).lines == ["3"])
            #expect(try succeed(read).lines == [])
            #expect(try succeed(["lag", "g", "--json"] + log).output.contains("\"records\":0"))
            let shown = try succeed(["group", "reset", "g", "--to", "1"] + log)
            #expect(shown.output.contains("nothing is changed"))
            #expect(try succeed(read).lines == [])
            try succeed(["group", "reset", "g", "--to", "1", "--execute"] + log)
            #expect(try succeed(["group", "describe", "g"] + log).output.contains("Empty"))
            let late = try run(["lag", "g", "--slo", "1us"] + log)
            #expect(late.status == 2, "\(late)")
            #expect(try succeed(read).lines == ["2", "3"])
            #expect(try run(["lag", "g", "--slo", "1us"] + log).status == 0)
            try succeed(["group", "delete", "g"] + log)
            #expect(try succeed(read).lines == ["1", "2", "3"])
            try owner.stop()
            // Alone it is the same group.
            #expect(try succeed(["group", "list", "--data", data]).output.contains("g"))
            let alone = try succeed(["consume", "a", "--group", "g", "--until-end", "--data", data])
            #expect(alone.lines == [])
        }

        @Test func `both names of a log are refused together`() throws {
            let outcome = try run([
                "topic", "list", "--data", data, "--bootstrap", "127.0.0.1:9092",
            ])
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("either --data or --bootstrap"))
        }

        @Test func `a command that reads the files of an owner is refused with the owner's name`()
            throws
        {
            let owner = try OwnerProcess.serve(data, folder)
            let outcome = try Millrace.run("log", "verify", "--data", data)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("process \(owner.identifier) (millrace serve)"))
            try owner.stop()
        }

        @Test func `a reader who waits sees what is written meanwhile`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            try succeed(["topic", "create", "a", "--partitions", "3", "--data", data])
            let output = folder.url.appending(path: "read")
            let reader = try Millrace.start(
                Millrace.executable,
                ["consume", "a", "--max", "4", "--data", data],
                input: nil,
                output: output,
                errors: folder.url.appending(path: "read-errors")
            )
            for text in ["1\n2\n", "3\n", "4\n"] {
                try succeed(["produce", "a", "--data", data], input: text)
            }
            reader.waitUntilExit()
            #expect(reader.terminationStatus == 0)
            let read = try String(contentsOf: output, encoding: .utf8)
            #expect(read.split(separator: "\n").sorted() == ["1", "2", "3", "4"])
            try owner.stop()
        }

        // MARK: Owners that are gone

        @Test func `what a killed owner has left is in nobody's way`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            try succeed(["topic", "create", "a", "--data", data])
            owner.kill()
            let socket = "\(data)/.millrace/socket"
            #expect(FileManager.default.fileExists(atPath: socket))
            try succeed(["produce", "a", "--data", data], input: "1\n")
            let next = try OwnerProcess.serve(data, folder)
            try succeed(["produce", "a", "--data", data], input: "2\n")
            let read = try succeed(["consume", "a", "--until-end", "--data", data])
            #expect(read.lines == ["1", "2"])
            try next.stop()
            #expect(!FileManager.default.fileExists(atPath: socket))
        }

        @Test func `an owner killed under a producer has once what it acknowledged`() throws {
            let owner = try OwnerProcess.serve(data, folder)
            try succeed(["topic", "create", "a", "--partitions", "3", "--data", data])
            // Endless: it ends when the owner does.
            let producer = try startProducer("seq 1 100000000", ["--data", data])
            waitForBytes(2_000_000)
            owner.kill()
            producer.waitUntilExit()
            #expect(producer.terminationStatus == 1)
            let said = try String(contentsOf: producerErrors, encoding: .utf8)
            #expect(said.contains("next: see that the log is served again, and go on behind"))
            let read = try succeed(["consume", "a", "--until-end", "--data", data])
            let numbers = read.lines.compactMap { Int($0) }.sorted()
            #expect(Set(numbers).count == numbers.count, "a record is there twice")
            try expectKnown(said, numbers)
        }

        @Test func `a server killed and started again under a producer loses and doubles nothing`()
            throws
        {
            var owner = try OwnerProcess.serve(data, folder)
            let address = try owner.address
            let log = ["--bootstrap", address]
            try succeed(["topic", "create", "a", "--partitions", "3"] + log)
            let count = 3_000_000
            let producer = try startProducer("seq 1 \(count)", log)
            for round in 1...3 {
                waitForBytes(round * 1_500_000)
                #expect(producer.isRunning, "it was done before the kill \(round)")
                owner.kill()
                owner = try OwnerProcess.serve(data, folder, on: address)
            }
            producer.waitUntilExit()
            let said = try String(contentsOf: producerErrors, encoding: .utf8)
            #expect(producer.terminationStatus == 0, "\(said)")
            let sum = try Millrace.shell(
                """
                '\(Millrace.executable.path)' consume a --until-end --bootstrap \(address) \
                    | sort -n | cmp - <(seq 1 \(count)) && echo same
                """
            )
            #expect(sum.lines == ["same"], "\(sum)")
            try owner.stop()
        }

        private var producerErrors: URL { folder.url.appending(path: "producer-errors") }

        private func startProducer(_ source: String, _ log: [String]) throws -> Process {
            let words = log.map { "'\($0)'" }.joined(separator: " ")
            return try Millrace.start(
                URL(filePath: "/bin/bash"),
                ["-c", "\(source) | '\(Millrace.executable.path)' produce a \(words)"],
                input: nil,
                output: folder.url.appending(path: "producer-output"),
                errors: producerErrors
            )
        }

        /// Until the first partition has so many bytes.
        private func waitForBytes(_ count: Int) {
            let segment = "\(data)/a-0/00000000000000000000.log"
            let deadline = Date(timeIntervalSinceNow: 60)
            while Date() < deadline, size(segment) < count { usleep(5000) }
        }

        private func size(_ path: String) -> Int {
            var status = stat()
            return stat(path, &status) == 0 ? Int(status.st_size) : 0
        }

        /// The command's words agree with what the topic holds.
        private func expectKnown(_ said: String, _ numbers: [Int]) throws {
            func number(_ text: Substring?) -> Int? {
                text.flatMap { Int($0.replacing(",", with: "")) }
            }
            let leading =
                number(said.firstMatch(of: /every line up to line ([0-9,]+) is among them/)?.1)
                ?? number(said.firstMatch(of: /the first ([0-9,]+) lines/)?.1)
            let known = try #require(leading, "\(said)")
            let held = Set(numbers)
            #expect(held.isSuperset(of: 1...known), "a line that was told to be there is not")
            let sure =
                number(said.firstMatch(of: /([0-9,]+) records of the input are in the topic/)?.1)
                ?? known
            let open = number(said.firstMatch(of: /of ([0-9,]+) more records/)?.1) ?? 0
            #expect([sure, sure + open].contains(numbers.count), "\(said), \(numbers.count)")
        }

        @Test func `an owner that can have no socket is told with its port`() throws {
            try succeed(["topic", "create", "a", "--data", data])
            // Nothing can be put in its place.
            try FileManager.default.createDirectory(
                atPath: "\(data)/.millrace/socket/taken",
                withIntermediateDirectories: true
            )
            let owner = try OwnerProcess.serve(data, folder)
            let outcome = try run(["topic", "list", "--data", data])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("the data directory is in use"), "\(outcome.errors)")
            #expect(outcome.errors.contains("process \(owner.identifier) (millrace serve)"))
            let address = try owner.address
            #expect(outcome.errors.contains("--bootstrap \(address)"))
            try succeed(["topic", "list", "--bootstrap", address])
            try owner.stop()
        }

        @Test(arguments: ["127.0.0.1:1", "no-such-host.invalid:9092"])
        func `an address that nobody listens at is told with what to do`(address: String) throws {
            let outcome = try run(["topic", "list", "--bootstrap", address])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains(address.prefix { $0 != ":" }))
            #expect(outcome.errors.contains("next: "))
        }

        // MARK: Beside a job

        @Test func `a job takes what is produced beside it, and its counts are read there`() throws
        {
            try succeed(["topic", "create", "lines", "--partitions", "2", "--data", data])
            try succeed(["topic", "create", "word-counts", "--data", data])
            let owner = try OwnerProcess.job("WordCount", data, folder)
            try succeed(["produce", "lines", "--data", data], input: "a b a\n")
            let output = folder.url.appending(path: "counts")
            let reader = try Millrace.start(
                Millrace.executable,
                [
                    "consume", "word-counts", "--value", "int64", "--format", "%k %s\\n", "--max",
                    "4", "--data", data,
                ],
                input: nil,
                output: output,
                errors: folder.url.appending(path: "counts-errors")
            )
            try succeed(["produce", "lines", "--data", data], input: "b\n")
            reader.waitUntilExit()
            let counts = try String(contentsOf: output, encoding: .utf8)
            #expect(counts.split(separator: "\n").sorted() == ["a 1", "a 2", "b 1", "b 2"])
            // The job's own things are its own.
            for (words, said) in [
                (["consume", "lines", "--group", "word-count", "--until-end"], "job 'word-count'"),
                (["group", "reset", "word-count", "--execute"], "run the job with --reset"),
                (["group", "delete", "word-count"], "run the job with --reset"),
                (["produce", try changelog()], "takes no records"),
            ] {
                let outcome = try run(words + ["--data", data], input: "x\n")
                #expect(outcome.status == 1, "\(words)")
                #expect(outcome.errors.contains(said), "\(outcome.errors)")
            }
            #expect(try succeed(["lag", "word-count", "--data", data]).output.contains("lines"))
            #expect(try succeed(["group", "list", "--data", data]).output.contains("word-count"))
            try succeed(["txn", "list", "--all", "--json", "--data", data])
            try owner.stop()
            let alone = try succeed([
                "consume", "word-counts", "--until-end", "--value", "int64", "--format",
                "%k %s\\n", "--data", data,
            ])
            #expect(alone.lines.sorted() == ["a 1", "a 2", "b 1", "b 2"])
        }

        /// The topic of the job's state.
        private func changelog() throws -> String {
            let topics = try succeed(["topic", "list", "--json", "--data", data]).output
            return try #require(
                topics.firstMatch(of: /"topic":"(word-count-[^"]*changelog)"/).map { String($0.1) }
            )
        }
    }
}

/// A process that owns a data directory.
final class OwnerProcess {
    private let process: Process
    private let output: URL
    private let errors: URL

    private init(_ executable: URL, _ words: [String], _ folder: TemporaryFolder) throws {
        let name = "owner-\(UUID().uuidString)"
        output = folder.url.appending(path: "\(name)-output")
        errors = folder.url.appending(path: "\(name)-errors")
        process = try Millrace.start(
            executable,
            words,
            input: nil,
            output: output,
            errors: errors
        )
    }

    /// `millrace serve`, once it is ready.
    static func serve(
        _ data: String,
        _ folder: TemporaryFolder,
        on address: String = "127.0.0.1:0",
        settings: [String] = []
    ) throws -> OwnerProcess {
        let owner = try OwnerProcess(
            Millrace.executable,
            ["serve", "--data", data, "--listen", address]
                + settings.flatMap { ["--config", $0] },
            folder
        )
        let deadline = Date(timeIntervalSinceNow: 60)
        while try owner.said.isEmpty, owner.process.isRunning, Date() < deadline { usleep(5000) }
        return owner
    }

    /// A job, once it owns the directory.
    static func job(
        _ name: String,
        _ data: String,
        _ folder: TemporaryFolder
    ) throws
        -> OwnerProcess
    {
        let link = folder.url.appending(path: name)
        try FileManager.default.createSymbolicLink(
            at: link,
            withDestinationURL: Millrace.executable.deletingLastPathComponent()
                .appending(path: "JobsUnderTest")
        )
        let owner = try OwnerProcess(link, ["run", "--data", data], folder)
        let deadline = Date(timeIntervalSinceNow: 60)
        let socket = "\(data)/.millrace/socket"
        while !FileManager.default.fileExists(atPath: socket), owner.process.isRunning,
            Date() < deadline
        { usleep(5000) }
        return owner
    }

    deinit { if process.isRunning { kill() } }

    private var said: String { get throws { try String(contentsOf: output, encoding: .utf8) } }

    var identifier: Int32 { process.processIdentifier }

    /// `127.0.0.1:PORT`.
    var address: String {
        get throws {
            let match = try said.firstMatch(of: /listening on (.*)\n/)
            return try String(#require(match).1)
        }
    }

    /// What it told on standard error.
    var warnings: String { get throws { try String(contentsOf: errors, encoding: .utf8) } }

    /// Ends it in order.
    func stop() throws {
        process.terminate()
        process.waitUntilExit()
        let words = try String(contentsOf: errors, encoding: .utf8)
        #expect(process.terminationStatus == 0, "\(words)")
    }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Sends a signal that ends it, and says how it ended.
    func end(by signal: Int32) -> Int32 {
        Foundation.kill(process.processIdentifier, signal)
        process.waitUntilExit()
        return process.terminationStatus
    }
}
