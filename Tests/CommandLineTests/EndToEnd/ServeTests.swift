import Foundation
import Testing

extension EndToEnd {
    @Suite struct ServeTests {
        @Test func `serve tells its address, and a signal ends it with 0`() throws {
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            let outcome = try Millrace.shell(
                """
                coproc exec '\(Millrace.executable.path)' serve --data '\(data)' \
                    --listen 127.0.0.1:0
                pid=$COPROC_PID
                read -r line <&"${COPROC[0]}"
                echo "$line"
                kill -TERM "$pid"
                wait "$pid"
                echo "status $?"
                """
            )
            let lines = outcome.lines
            #expect(lines.first?.hasPrefix("listening on 127.0.0.1:") == true, "\(outcome)")
            #expect(lines.last == "status 0", "\(outcome)")
            // The directory is free again.
            try Millrace.succeed("topic", "list", "--data", data)
        }

        @Test func `a listener beyond this machine has to be asked for by name`() throws {
            let folder = try TemporaryFolder()
            let outcome = try Millrace.run(
                "serve",
                "--data",
                folder.path("data"),
                "--listen",
                "0.0.0.0:0"
            )
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("--insecure-listen"))
            #expect(!FileManager.default.fileExists(atPath: folder.path("data")))
        }

        @Test(arguments: ["num.partition=4", "num.partitions=none", "num.partitions=0"])
        func `a setting that is not honoured is refused`(setting: String) throws {
            let folder = try TemporaryFolder()
            let outcome = try Millrace.run(
                "serve",
                "--data",
                folder.path("data"),
                "--listen",
                "127.0.0.1:0",
                "--config",
                setting
            )
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("num.partition"))
        }
    }
}
