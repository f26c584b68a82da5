import Foundation
import Testing

extension EndToEnd {
    /// Other people's clients over encrypted listeners with users.
    @Suite struct SecureInteropTests {
        private static let python = Millrace.root.appending(path: ".build-interop/bin/python").path
        private static let scripts = Millrace.root
            .appending(path: "Tests/CommandLineTests/Interop/Scripts").path
        private static let tools = Millrace.shared.appending(path: "kafka/kafka").path

        private static func has(_ path: String) -> Bool {
            if FileManager.default.isExecutableFile(atPath: path) { return true }
            print("SKIPPED: no \(path); scripts/interop-deps installs what these tests need")
            return false
        }

        /// Runs shell words beside a server with the user alice, whose addresses are in `$SASL`,
        /// `$SSL` and `$PLAIN`, and certificates in `$C`.
        private func serving(_ folder: TemporaryFolder, _ words: String) throws -> Millrace.Outcome
        {
            let script = Millrace.root.appending(path: "Tests/certificates.sh").path
            return try Millrace.shell(
                """
                millrace='\(Millrace.executable.path)'; data='\(folder.path("data"))'
                C='\(folder.path("certificates"))'; mkdir "$C" && bash '\(script)' "$C" || exit 1
                coproc exec "$millrace" serve --data "$data" \
                    --listen SASL_SSL://127.0.0.1:0 --listen SSL://127.0.0.1:0 \
                    --listen 127.0.0.1:0 --config ssl.keystore.location="$C/server.pem" \
                    --config ssl.truststore.location="$C/ca.pem" \
                    --config ssl.client.auth=required --config sasl.enabled.mechanisms=\
                PLAIN,SCRAM-SHA-256,SCRAM-SHA-512 2>'\(folder.path("errors"))'
                pid=$COPROC_PID
                for name in SASL SSL PLAIN; do
                    read -r line <&"${COPROC[0]}"
                    line=${line#listening on }
                    declare "$name=${line#*://}"
                done
                echo 'wonder land' | "$millrace" user set alice --data "$data" >/dev/null
                \(words)
                status=$?
                kill -TERM "$pid"
                wait "$pid" || status=$?
                exit "$status"
                """
            )
        }

        @Test(arguments: ["confluent", "kafka_python", "aiokafka"])
        func `a client of another language logs in with each mechanism`(client: String) throws {
            guard Self.has(Self.python) else { return }
            let folder = try TemporaryFolder()
            let outcome = try serving(
                folder,
                """
                for mechanism in PLAIN SCRAM-SHA-256 SCRAM-SHA-512; do
                    timeout 100 '\(Self.python)' '\(Self.scripts)/secured.py' \(client) "$SASL" \
                        "$C/ca.pem" $mechanism alice 'wonder land' 2>'\(folder.path("client"))' \
                        || { cat '\(folder.path("client"))' >&2; exit 1; }
                done
                """
            )
            #expect(outcome.lines == Array(repeating: "secured: 100", count: 3), "\(outcome)")
            let errors = try String(contentsOfFile: folder.path("errors"), encoding: .utf8)
            #expect(!errors.contains("wonder"))
        }

        /// Debian's kcat has a librdkafka whose SCRAM sends a wrong nonce, which Kafka refuses too.
        @Test func `kcat comes in by password, and by certificate`() throws {
            guard Self.has("/usr/bin/kcat") else { return }
            let folder = try TemporaryFolder()
            let outcome = try serving(
                folder,
                """
                sasl="-X security.protocol=SASL_SSL -X ssl.ca.location=$C/ca.pem \
                    -X sasl.mechanism=PLAIN -X sasl.username=alice"
                ssl="-X security.protocol=SSL -X ssl.ca.location=$C/ca.pem \
                    -X ssl.certificate.location=$C/client.crt -X ssl.key.location=$C/client.key"
                seq 1 1000 | kcat -b "$SASL" $sasl -X sasl.password='wonder land' -P -t n &&
                kcat -b "$SSL" $ssl -C -t n -e -q | sort -n | tail -n 1 &&
                kcat -b "$SSL" $ssl -L | grep -c "broker 1 at $SSL" &&
                kcat -b "$SASL" $sasl -X sasl.password='wonder land' -L \
                    | grep -c "broker 1 at $SASL" &&
                ! kcat -b "$SASL" $sasl -X sasl.password=wrong -m 2 -L 2>/dev/null
                """
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.lines == ["1000", "1", "1"], "\(outcome)")
        }

        @Test func `Kafka's own tools make a user that may log in, and take it away`() throws {
            guard Self.has(Self.tools), Self.has("/usr/bin/java") else { return }
            let folder = try TemporaryFolder()
            let outcome = try serving(
                folder,
                """
                kafka='\(Self.tools)'
                client() {
                    cat <<END
                security.protocol=SASL_SSL
                sasl.mechanism=$1
                ssl.truststore.type=PEM
                ssl.truststore.location=$C/ca.pem
                sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
                username="$2" password="$3";
                default.api.timeout.ms=9000
                request.timeout.ms=3000
                END
                }
                client SCRAM-SHA-256 alice 'wonder land' >'\(folder.path("alice"))'
                client SCRAM-SHA-512 bob builder >'\(folder.path("bob"))'
                "$kafka" configs --bootstrap-server "$SASL" \
                    --command-config '\(folder.path("alice"))' --alter --entity-type users \
                    --entity-name bob --add-config 'SCRAM-SHA-512=[iterations=8192,\
                password=builder]' &&
                "$kafka" topics --bootstrap-server "$SASL" \
                    --command-config '\(folder.path("bob"))' --create --topic t 2>&1 &&
                "$kafka" configs --bootstrap-server "$SASL" \
                    --command-config '\(folder.path("bob"))' --describe --entity-type users &&
                "$kafka" configs --bootstrap-server "$SASL" \
                    --command-config '\(folder.path("bob"))' --alter --entity-type users \
                    --entity-name bob --delete-config SCRAM-SHA-512 &&
                ! "$kafka" topics --bootstrap-server "$SASL" \
                    --command-config '\(folder.path("bob"))' --list >'\(folder.path("last"))' 2>&1
                """
            )
            #expect(outcome.status == 0, "\(outcome)")
            let text = outcome.output
            #expect(text.contains("Created topic t."), "\(outcome)")
            #expect(text.contains("'bob' are SCRAM-SHA-512=iterations=8192"), "\(outcome)")
            let last = try String(contentsOfFile: folder.path("last"), encoding: .utf8)
            #expect(last.contains("SaslAuthenticationException"), "\(last)")
        }
    }
}
