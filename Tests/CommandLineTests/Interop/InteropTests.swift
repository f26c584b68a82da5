import Foundation
import Testing

extension EndToEnd {
    /// Programs as users of other clients write them, against `serve`.
    @Suite struct InteropTests {
        private static let python = Millrace.root.appending(path: ".build-interop/bin/python").path
        private static let scripts = Millrace.root
            .appending(path: "Tests/CommandLineTests/Interop/Scripts").path

        /// Whether the clients are there; says so where they are not.
        private static func has(_ path: String) -> Bool {
            if FileManager.default.isExecutableFile(atPath: path) { return true }
            print("SKIPPED: no \(path); scripts/interop-deps installs what these tests need")
            return false
        }

        /// Runs shell words beside a server, whose address is in `$SERVER`.
        private func serving(_ data: String, _ words: String) throws -> Millrace.Outcome {
            try Millrace.shell(
                """
                coproc exec '\(Millrace.executable.path)' serve --data '\(data)' \
                    --listen 127.0.0.1:0 --config num.partitions=4
                pid=$COPROC_PID
                read -r line <&"${COPROC[0]}"
                SERVER=${line#listening on }
                \(words)
                status=$?
                kill -TERM "$pid"
                wait "$pid" || status=$?
                exit "$status"
                """
            )
        }

        /// Consume, transform, produce in transactions, one in four of them aborted.
        @Test(arguments: ["aiokafka", "confluent", "kafka_python"])
        func `a transactional program of another client is exactly once`(client: String) throws {
            guard Self.has(Self.python) else { return }
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let outcome = try serving(
                data,
                "'\(Self.python)' '\(Self.scripts)/\(client)_transactions.py' \"$SERVER\""
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines.last == "exactly once: 1000", "\(outcome)")
            try Millrace.succeed("log", "verify", "--data", data)
        }

        /// The server is killed again and again while a client works.
        @Test func `nothing is lost or doubled for a client whose server is killed`() throws {
            guard Self.has(Self.python) else { return }
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let kills = ProcessInfo.processInfo.environment["MILLRACE_KILLS"] ?? "5"
            let outcome = try Millrace.shell(
                "exec '\(Self.python)' '\(Self.scripts)/aiokafka_kills.py' "
                    + "'\(Millrace.executable.path)' '\(data)' \(kills)"
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines.last?.hasPrefix("exactly once:") == true, "\(outcome)")
            try Millrace.succeed("log", "verify", "--data", data)
        }

        /// Kafka's own client speaks transaction version 2, topic ids and fetch sessions.
        @Test func `nothing is lost or doubled for a Java client whose server is killed`() throws {
            let shared =
                ProcessInfo.processInfo.environment["MILLRACE_SHARED"]
                ?? Millrace.root.deletingLastPathComponent().appending(path: "shared").path
            let libraries = shared + "/kafka/libs"
            guard FileManager.default.fileExists(atPath: libraries) else {
                return print("SKIPPED: Kafka's own client is looked for in \(libraries)")
            }
            guard Self.has("/usr/bin/java") else { return }
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let kills = ProcessInfo.processInfo.environment["MILLRACE_KILLS"] ?? "5"
            let outcome = try Millrace.shell(
                "exec java -Dorg.slf4j.simpleLogger.defaultLogLevel=off "
                    + "-cp '\(libraries)/*' '\(Self.scripts)/JavaKills.java' "
                    + "'\(Millrace.executable.path)' '\(data)' \(kills)"
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines.last?.hasPrefix("exactly once:") == true, "\(outcome)")
            try Millrace.succeed("log", "verify", "--data", data)
        }

        /// Two members, one of them killed; then the server killed, and a third member.
        @Test func `members of a consumer group share, and go on when one or the server dies`()
            throws
        {
            guard Self.has(Self.python) else { return }
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let outcome = try Millrace.shell(
                "exec '\(Self.python)' '\(Self.scripts)/confluent_consumer_groups.py' "
                    + "'\(Millrace.executable.path)' '\(data)' 127.0.0.1:0"
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines.last?.hasPrefix("read once: 1200") == true, "\(outcome)")
            try Millrace.succeed("log", "verify", "--data", data)
        }

        /// Of a running job; without a browser the metrics alone.
        @Test func `Prometheus's parsers read the metrics, and a browser the page`() throws {
            guard Self.has(Self.python) else { return }
            let folder = try TemporaryFolder()
            let browser = "/usr/bin/chromium"
            let data = folder.path("data")
            let environment = ProcessInfo.processInfo.environment
            let pictures = environment["MILLRACE_PICTURES"] ?? folder.url.path
            let outcome = try Millrace.shell(
                """
                exec '\(Self.python)' '\(Self.scripts)/web_page.py' \
                    '\(Millrace.executable.deletingLastPathComponent().path)' '\(data)' \
                    '\(pictures)' '\(Self.has(browser) ? browser : "-")'
                """
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines.last?.hasPrefix("seen: 1000 records") == true, "\(outcome)")
        }

        @Test func `kcat lists, writes, reads, and the command line reads what it wrote`() throws {
            guard Self.has("/usr/bin/kcat") else { return }
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let outcome = try serving(
                data,
                """
                seq 1 1000 | kcat -b "$SERVER" -P -t numbers -z lz4 &&
                kcat -b "$SERVER" -L | grep -c 'topic "numbers" with 4 partitions' &&
                kcat -b "$SERVER" -C -t numbers -e -q | sort -n | tail -n 1 &&
                kcat -b "$SERVER" -q -X auto.offset.reset=earliest -c 1000 -G readers numbers \
                    | sort -n | uniq | wc -l
                """
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines == ["1", "1000", "1000"], "\(outcome)")
            let read = try Millrace.succeed("consume", "numbers", "--data", data, "--until-end")
            #expect(Set(read.lines).count == 1000)
        }

        @Test func `what kcat prints as JSON is produced again as it was`() throws {
            guard Self.has("/usr/bin/kcat") else { return }
            let folder = try TemporaryFolder()
            let records = try folder.write(
                "records",
                #"{"value":"a","key":"k","timestamp":1700000000000,"partition":1,"headers":["#
                    + #"{"key":"h","value":"1"},{"key":"h","value":"2"}]}"# + "\n"
                    + #"{"value":null,"partition":0}"# + "\n"
            )
            let millrace = "'\(Millrace.executable.path)'"
            let read = "-C -e -q -Z -J | sed 's/second/first/' | sort"
            let outcome = try serving(
                folder.path("data"),
                """
                cd '\(folder.url.path)' && {
                    for topic in first second; do
                        \(millrace) topic create $topic --partitions 2 --bootstrap "$SERVER" \
                            --config retention.ms=-1
                    done
                    \(millrace) produce first '\(records.path)' --input json --bootstrap "$SERVER"
                    kcat -b "$SERVER" -t first \(read) > lines
                    \(millrace) produce second lines --input json --bootstrap "$SERVER"
                    kcat -b "$SERVER" -t second \(read) | cmp lines - && wc -l < lines
                }
                """
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines.last == "2", "\(outcome)")
        }
    }
}
