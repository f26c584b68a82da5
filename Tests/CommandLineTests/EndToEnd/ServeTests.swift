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

        /// Nobody would find a server whose address was lost.
        @Test func `a server that cannot tell its address ends`() throws {
            let folder = try TemporaryFolder()
            let outcome = try Millrace.shell(
                "'\(Millrace.executable.path)' serve --data '\(folder.path("data"))' "
                    + "--listen 127.0.0.1:0 > /dev/full"
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("the output could not be written"), "\(outcome)")
            try Millrace.succeed("topic", "list", "--data", folder.path("data"))
        }

        @Test func `a server whose port is taken leaves nothing behind`() throws {
            let folder = try TemporaryFolder()
            let owner = try OwnerProcess.serve(folder.path("data"), folder)
            let other = folder.path("other")
            for option in ["--listen", "--http"] {
                let free = option == "--http" ? ["--listen", "127.0.0.1:0"] : []
                let refused = try Millrace.tool(
                    Millrace.executable,
                    ["serve", "--data", other, option, try owner.address] + free,
                    input: nil
                )
                #expect(refused.status == 1, "\(refused)")
                #expect(refused.errors.contains("nobody can listen on"), "\(refused.errors)")
                #expect(!refused.errors.contains("made a new log"), "\(refused.errors)")
                #expect(!FileManager.default.fileExists(atPath: other))
            }
            try owner.stop()
        }

        /// `timeout`, make and supervisors send a signal to a process and to its group.
        @Test(arguments: ["TERM", "INT"])
        func `a signal that comes twice at once is one, another one ends at once`(
            signal: String
        ) throws {
            let folder = try TemporaryFolder()
            func end(_ signals: String, whileStopped isStopped: Bool) throws -> Millrace.Outcome {
                let (stop, go) = isStopped ? ("kill -STOP $pid", "kill -CONT $pid") : (":", ":")
                return try Millrace.shell(
                    """
                    coproc exec '\(Millrace.executable.path)' serve --listen 127.0.0.1:0 \
                        --data '\(folder.path("data"))' 2>'\(folder.path("errors"))'
                    pid=$COPROC_PID
                    read -r line <&"${COPROC[0]}"
                    \(stop)
                    for signal in \(signals); do kill -s "$signal" "$pid" 2>/dev/null; done
                    \(go)
                    wait "$pid"
                    echo "status $?"
                    """
                )
            }
            // Two of a kind that wait are one for the system: those behind the first are sent once
            // it was taken.
            let same = Array(repeating: signal, count: 5).joined(separator: " ")
            let twice = try end(same, whileStopped: false)
            #expect(twice.lines.last == "status 0", "\(twice)")
            let other = try end("HUP \(signal)", whileStopped: true)
            let number = signal == "TERM" ? 143 : 130
            #expect(
                other.lines.last == "status \(number)" || other.lines.last == "status 129",
                "\(other)"
            )
            let told = try String(contentsOfFile: folder.path("errors"), encoding: .utf8)
            #expect(told.contains("ended at once"))
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

        @Test(arguments: [
            "num.partition=4", "num.partitions=none", "num.partitions=0",
            "advertised.listeners=broker:9092", "advertised.listeners=PLAINTEXT://0.0.0.0:9092",
            "advertised.listeners=PLAINTEXT://broker", "max.connections=1000000",
            "group.min.session.timeout.ms=1800001",
        ])
        func `a setting that cannot be kept is refused by its name`(setting: String) throws {
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
            let name = try #require(setting.split(separator: "=").first)
            #expect(outcome.errors.contains(name), "\(outcome)")
        }
    }
}
