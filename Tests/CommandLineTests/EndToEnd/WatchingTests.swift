import Foundation
import Testing

extension EndToEnd {
    /// What a process tells over HTTP.
    @Suite struct WatchingTests {
        /// Runs shell words beside `serve`: the address of the log is in `$SERVER`, that of the
        /// page in `$PAGE`.
        private func watching(_ data: String, _ words: String) throws -> Millrace.Outcome {
            try Millrace.shell(
                """
                coproc exec '\(Millrace.executable.path)' serve --data '\(data)' \
                    --listen 127.0.0.1:0 --http 127.0.0.1:0
                pid=$COPROC_PID
                read -r line <&"${COPROC[0]}"
                SERVER=${line#listening on }
                read -r line <&"${COPROC[0]}"
                PAGE=${line#watch at }
                millrace='\(Millrace.executable.path)'
                \(words)
                kill -TERM "$pid"
                wait "$pid"
                echo "status $?"
                """
            )
        }

        @Test func `serve tells of what was written, and ends in order`() throws {
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let outcome = try watching(
                data,
                """
                "$millrace" topic create numbers --partitions 2 --bootstrap "$SERVER" >/dev/null
                seq 1 500 | "$millrace" produce numbers --bootstrap "$SERVER" >/dev/null
                curl --silent "${PAGE}metrics" | grep -E \
                    'offsets_total.topic="numbers"|duration_seconds_count.api="Produce"'
                curl --silent --output /dev/null --write-out '%{http_code}\\n' "${PAGE}ready"
                curl --silent "${PAGE}health"
                curl --silent "${PAGE}api/state" | grep -c '"name":"numbers","internal":false'
                curl --silent --head "$PAGE" | grep -ci 'content-security-policy: default-src .none'
                curl --silent --output /dev/null --write-out '%{http_code}\\n' "${PAGE}nothing"
                curl --silent --output /dev/null --write-out '%{http_code}\\n' -X POST "$PAGE"
                curl --silent --output /dev/null --write-out '%{http_code}\\n' \
                    --header 'Host: attacker.example' "${PAGE}metrics"
                exec 9<>"/dev/tcp/127.0.0.1/$(echo "$PAGE" | tr -dc '0-9:' | cut -d: -f3)"
                printf 'GET / HTTP/1.1\\r\\n' >&9
                """
            )
            let lines = outcome.lines
            let first = try #require(lines.first)
            #expect(first == "millrace_topic_offsets_total{topic=\"numbers\"} 500", "\(outcome)")
            #expect(lines.dropFirst().first?.contains("api=\"Produce\"") == true, "\(outcome)")
            #expect(
                Array(lines.dropFirst(2)) == [
                    "200", "{\"status\":\"ok\",\"reasons\":[]}", "1", "1", "404", "405", "403",
                    "status 0",
                ],
                "\(outcome)"
            )
        }

        @Test func `what reaches beyond this machine has to be asked for by name`() throws {
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let words = ["--listen", "127.0.0.1:0", "--http", "0.0.0.0:0"]
            let outcome = try Millrace.tool(
                Millrace.executable,
                ["serve", "--data", data] + words,
                input: nil
            )
            #expect(outcome.status == 64, "\(outcome)")
            #expect(outcome.errors.contains("--insecure-listen"))
            let job = try Millrace.run(
                "run",
                "Jobs/WordCount",
                "--data",
                data,
                "--http",
                "0.0.0.0:0"
            )
            #expect(job.status == 64, "\(job)")
        }

        @Test func `a port that is taken is told, and nothing is left running`() throws {
            let folder = try TemporaryFolder()
            let outcome = try watching(
                folder.path("data"),
                """
                "$millrace" serve --data '\(folder.path("other"))' --listen 127.0.0.1:0 \
                    --http "$(echo "$PAGE" | tr -d '/' | cut -d: -f2-)" 2>&1
                echo "second $?"
                """
            )
            #expect(outcome.output.contains("Address already in use"), "\(outcome)")
            #expect(outcome.output.contains("--http"), "\(outcome)")
            #expect(outcome.lines.suffix(2) == ["second 1", "status 0"], "\(outcome)")
        }
    }
}
