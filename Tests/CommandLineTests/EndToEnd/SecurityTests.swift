import Foundation
import Testing

extension EndToEnd {
    /// Listeners that are safe or not at all, and the users that may log in.
    @Suite struct SecurityTests {
        private static func certificates(_ folder: TemporaryFolder) throws -> String {
            let path = folder.path("certificates")
            let script = Millrace.root.appending(path: "Tests/certificates.sh").path
            let outcome = try Millrace.shell("mkdir '\(path)' && bash '\(script)' '\(path)'")
            try #require(outcome.status == 0, "\(outcome)")
            return path
        }

        /// What a serve with these words says, which must not listen.
        private func refusal(_ words: [String], _ folder: TemporaryFolder) throws -> String {
            let all = ["serve", "--data", folder.path("data")] + words
            let outcome = try Millrace.tool(Millrace.executable, all, input: nil)
            #expect(outcome.status == 64, "\(words): \(outcome)")
            #expect(!FileManager.default.fileExists(atPath: folder.path("data")))
            return outcome.errors
        }

        @Test func `what would not be safe, or would do nothing, is refused at the start`() throws {
            let folder = try TemporaryFolder()
            let c = try Self.certificates(folder)
            let keystore = ["--config", "ssl.keystore.location=\(c)/server.pem"]
            let plain = ["--config", "sasl.enabled.mechanisms=PLAIN"]
            for (words, told) in [
                (["--listen", "0.0.0.0:0"], "--insecure-listen"),
                (["--listen", "SASL_PLAINTEXT://0.0.0.0:0"], "--insecure-listen"),
                (["--listen", "SSL://0.0.0.0:0"] + keystore, "ssl.client.auth=required"),
                (
                    ["--listen", "SASL_PLAINTEXT://0.0.0.0:0", "--insecure-listen"] + plain,
                    "PLAIN sends them as they are"
                ),
                (["--listen", "SASL_SSL://127.0.0.1:0"], "ssl.keystore.location"),
                (["--listen", "127.0.0.1:0"] + keystore, "would do nothing"),
                (["--listen", "127.0.0.1:0"] + plain, "would do nothing"),
                (
                    ["--listen", "SASL_SSL://127.0.0.1:0", "--config", "ssl.client.auth=required"]
                        + keystore, "would do nothing"
                ),
                (
                    [
                        "--listen", "SSL://127.0.0.1:0", "--config",
                        "ssl.truststore.location=\(c)/ca.pem",
                    ] + keystore, "would do nothing"
                ),
                (
                    ["--listen", "SSL://127.0.0.1:0", "--config", "ssl.client.auth=required"]
                        + keystore, "ssl.truststore.location"
                ),
                (["--listen", "127.0.0.1:0", "--listen", "PLAINTEXT://[::1]:0"], "two listeners"),
                (["--listen", "TLS://127.0.0.1:0"], "SASL_SSL://127.0.0.1:9093"),
                (
                    ["--config", "advertised.listeners=SSL://broker.example.org:9093"],
                    "no --listen has"
                ),
                (["--config", "sasl.enabled.mechanisms=PLAIN,GSSAPI"], "SCRAM-SHA-256"),
                (["--config", "ssl.keystore.type=JKS"], "only PEM"),
                (["--config", "ssl.client.auth=yes"], "requested"),
            ] {
                let errors = try refusal(words, folder)
                #expect(errors.contains(told), "\(words): \(errors)")
            }
            for (name, told) in [
                ("expired", "not valid any more"), ("mismatched", "key"),
                ("missing", "cannot be read: No such file or directory"),
                ("locked", "without a password"),
            ] {
                let errors = try refusal(
                    [
                        "--listen", "SASL_SSL://127.0.0.1:0", "--config",
                        "ssl.keystore.location=\(c)/\(name).pem",
                    ],
                    folder
                )
                #expect(errors.contains("\(c)/\(name).pem"), "\(errors)")
                #expect(errors.contains("where: ssl.keystore.location\n"), "\(errors)")
                #expect(errors.contains("next: --config ssl.keystore.location=FILE"), "\(errors)")
                #expect(errors.contains(told), "\(errors)")
            }
        }

        @Test func `encryption and authentication let a listener go beyond this machine`() throws {
            let folder = try TemporaryFolder()
            let c = try Self.certificates(folder)
            let outcome = try Millrace.shell(
                """
                coproc exec '\(Millrace.executable.path)' serve --data '\(folder.path("data"))' \
                    --listen SASL_SSL://0.0.0.0:0 --listen SSL://0.0.0.0:0 \
                    --config ssl.keystore.location='\(c)/server.pem' \
                    --config ssl.truststore.location='\(c)/ca.pem' \
                    --config ssl.client.auth=required \
                    --config advertised.listeners=SASL_SSL://broker.example.org:9093
                pid=$COPROC_PID
                for listener in 1 2; do read -r line <&"${COPROC[0]}"; echo "$line"; done
                kill -TERM "$pid"
                wait "$pid"
                echo "status $?"
                """
            )
            #expect(outcome.lines.count == 3, "\(outcome)")
            #expect(outcome.lines.first?.hasPrefix("listening on SASL_SSL://0.0.0.0:") == true)
            #expect(outcome.lines.dropFirst().first?.hasPrefix("listening on SSL://") == true)
            #expect(outcome.lines.last == "status 0", "\(outcome)")
        }

        @Test func `users are set, listed and deleted in a directory that nobody has open`() throws
        {
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            try Millrace.succeed("topic", "create", "t", "--data", data)
            let password = folder.url.appending(path: "password")
            try Data("open sesame\n".utf8).write(to: password)
            try Millrace.succeed("user", "set", "alice", "--data", data, input: password)
            try Millrace.succeed(
                "user",
                "set",
                "bob",
                "--data",
                data,
                "--mechanism",
                "SCRAM-SHA-512",
                "--iterations",
                "8192",
                "--password-file",
                password.path
            )
            let listed = try Millrace.succeed("user", "list", "--data", data, "--json")
            #expect(
                listed.lines == [
                    #"{"user":"alice","mechanism":"SCRAM-SHA-256","iterations":4096}"#,
                    #"{"user":"alice","mechanism":"SCRAM-SHA-512","iterations":4096}"#,
                    #"{"user":"bob","mechanism":"SCRAM-SHA-512","iterations":8192}"#,
                ]
            )
            try Millrace.succeed(
                "user",
                "delete",
                "alice",
                "--data",
                data,
                "--mechanism",
                "SCRAM-SHA-256"
            )
            try Millrace.succeed("user", "delete", "bob", "--data", data)
            let left = try Millrace.succeed("user", "list", "--data", data, "--json")
            #expect(left.lines.count == 1)
            let missing = try Millrace.run("user", "delete", "bob", "--data", data)
            #expect(missing.status == 1)
            #expect(missing.errors.contains("there is no user 'bob'"))
            // Neither the password nor the file's name for it is anywhere in the directory.
            let found = try Millrace.shell("grep -r -l sesame '\(data)'; true")
            #expect(found.output.isEmpty)
        }

        @Test(arguments: ["", "\n", "two\nlines\n", String(repeating: "x", count: 5000)])
        func `what is no password is refused, and not shown`(text: String) throws {
            let folder = try TemporaryFolder()
            let data = folder.path("data")
            try Millrace.succeed("topic", "create", "t", "--data", data)
            let password = folder.url.appending(path: "password")
            try Data(text.utf8).write(to: password)
            let outcome = try Millrace.run("user", "set", "a", "--data", data, input: password)
            #expect(outcome.status == 1)
            #expect(!outcome.errors.contains("lines\n") && !outcome.errors.contains("xxx"))
            #expect(try Millrace.succeed("user", "list", "--data", data, "--json").lines.isEmpty)
        }
    }
}
