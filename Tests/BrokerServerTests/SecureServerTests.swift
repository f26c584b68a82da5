import Broker
import BrokerAPI
import BrokerServer
import KafkaWire
import LogModel
import Security
import Testing

/// Listeners with encryption and authentication over real sockets.
struct SecureServerTests {
    private static let users = ["alice": "wonderland", "b\u{f6}b": "p\u{e4}ss,w=rd"]

    private func harness(
        _ protocols: [SecurityProtocol] = SecurityProtocol.allCases,
        _ authentication: TLSContext.ClientAuthentication = .none,
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> ServerHarness {
        var api = APIConfiguration()
        api.saslMechanisms = SaslMechanism.allCases
        let harness = try ServerHarness(
            change,
            api: api,
            protocols: protocols,
            certificates: TestCertificates.server(authentication)
        )
        for (user, password) in Self.users {
            var changes: CredentialStore.Changes = [:]
            for mechanism in ScramMechanism.allCases {
                let salted = SaltedPassword(mechanism, password: Array(password.utf8))
                changes[CredentialStore.Key(user: user, mechanism: mechanism)] = ScramCredential(
                    mechanism: mechanism,
                    salt: salted.salt,
                    saltedPassword: salted.bytes,
                    iterations: salted.iterations
                )
            }
            try harness.api.credentials.apply(changes)
        }
        return harness
    }

    private func connect(
        _ harness: ServerHarness,
        _ security: SecurityProtocol,
        certificate: String? = nil
    ) throws -> RawClient {
        let port = try harness.port(security)
        return security.usesTLS
            ? try SecureClient(port: port, certificate: certificate) : try RawClient(port: port)
    }

    @Test func `each listener tells its own address`() throws {
        let harness = try harness()
        for security in SecurityProtocol.allCases {
            let client = try connect(harness, security)
            if security.usesSASL {
                #expect(try client.logIn(.scramSHA256, "alice", "wonderland") == nil)
            }
            #expect(try client.node().port == Int32(harness.port(security)), "\(security)")
        }
        try harness.stop()
    }

    /// Every mechanism on every listener that has some, with each user, right and wrong: 120.
    @Test func `a hundred and twenty handshakes end as they should`() throws {
        let harness = try harness()
        var count = 0
        for security in SecurityProtocol.allCases where security.usesSASL {
            for mechanism in SaslMechanism.allCases {
                for version in Int16(0)...2 {
                    for (user, password) in Self.users {
                        let right = try connect(harness, security)
                        let refusal = try right.logIn(
                            mechanism,
                            user,
                            password,
                            version: version
                        )
                        #expect(refusal == nil, "\(security) \(mechanism) \(user)")
                        #expect(try right.node().host == "127.0.0.1")
                        count += 1
                    }
                    let wrongs = [
                        ("alice", "wonderlan"), ("alice", "wonderland "), ("nobody", "wonderland"),
                        ("Alice", "wonderland"),
                    ]
                    for (user, password) in wrongs {
                        let wrong = try connect(harness, security)
                        let refusal = try #require(
                            try wrong.logIn(mechanism, user, password, version: version)
                        )
                        #expect(refusal.hasPrefix("Authentication failed"))
                        #expect(!refusal.contains(password) && !refusal.contains(user))
                        #expect(throws: RawClient.Closed.self) { try wrong.receive(1) }
                        count += 1
                    }
                }
            }
        }
        for certificate in [nil, "client", "plainclient", nil, "client", "plainclient"] {
            for security in [SecurityProtocol.ssl, .saslSSL] {
                _ = try connect(harness, security, certificate: certificate)
                count += 1
            }
        }
        #expect(count == 120)
        try harness.stop()
    }

    @Test func `a handshake of version 0 goes on with bare tokens`() throws {
        let harness = try harness([.saslSSL])
        let client = try connect(harness, .saslSSL)
        let answer = try client.ask(
            SaslHandshakeRequest(mechanism: "SCRAM-SHA-512"),
            SaslHandshakeResponse.self,
            key: 17,
            version: 0,
            flexibleFrom: .max
        )
        #expect(answer.errorCode == 0)
        var exchange = SaslClient(
            .scramSHA512,
            user: "alice",
            password: Array("wonderland".utf8)
        )
        var token = exchange.begin()
        while true {
            try client.send(ConnectionHarness.bytes(Int32(token.count)) + token)
            guard case .say(let next) = try exchange.received(try client.receiveFrame()) else {
                break
            }
            token = next
        }
        #expect(try client.node().host == "127.0.0.1")
        try harness.stop()
    }

    @Test func `SASL where none is asked for is ILLEGAL_SASL_STATE`() throws {
        let harness = try harness([.plaintext])
        let client = try connect(harness, .plaintext)
        let answer = try client.ask(
            SaslHandshakeRequest(mechanism: "PLAIN"),
            SaslHandshakeResponse.self,
            key: 17,
            version: 1,
            flexibleFrom: .max
        )
        #expect(answer.errorCode == 34)
        try harness.stop()
    }

    @Test(arguments: [nil, "client", "plainclient", "oldclient", "foreignclient"])
    func `where certificates are required only one that is trusted gets in`(
        certificate: String?
    ) throws {
        let harness = try harness([.ssl], .required)
        let isWelcome = certificate == "client" || certificate == "plainclient"
        if isWelcome {
            let client = try connect(harness, .ssl, certificate: certificate)
            #expect(try client.node().host == "127.0.0.1")
        } else {
            // In TLS 1.3 the client hears of it with its first answer.
            #expect(throws: (any Error).self) {
                try connect(harness, .ssl, certificate: certificate).node()
            }
        }
        try harness.stop()
    }

    @Test func `a client does not go on with a server that it does not trust`() throws {
        let harness = try harness([.ssl])
        #expect(throws: TLSError.self) {
            try SecureClient(port: harness.port(.ssl), authority: "stranger")
        }
        // Nobody else is disturbed by it.
        #expect(try connect(harness, .ssl).node().host == "127.0.0.1")
        try harness.stop()
    }

    @Test func `plain bytes to an encrypted listener, and the other way, end the connection`()
        throws
    {
        let harness = try harness([.plaintext, .ssl])
        let plain = try RawClient(port: harness.port(.ssl))
        try plain.send(ConnectionHarness.frame(18))
        #expect(throws: RawClient.Closed.self) { _ = try plain.receive(1 << 20) }
        #expect(throws: RawClient.Closed.self) {
            _ = try SecureClient(port: harness.port(.plaintext))
        }
        #expect(try connect(harness, .plaintext).node().host == "127.0.0.1")
        #expect(try connect(harness, .ssl).node().host == "127.0.0.1")
        try harness.stop()
    }

    @Test(arguments: [SecurityProtocol.ssl, .saslSSL, .saslPlaintext])
    func `who connects and says nothing is cut off`(security: SecurityProtocol) throws {
        let harness = try harness([security]) {
            $0.authenticationTimeout = .milliseconds(100)
        }
        let silent = try RawClient(port: harness.port(security))
        #expect(throws: RawClient.Closed.self) { _ = try silent.receive(1) }
        try harness.stop()
    }

    /// Larger than what is encrypted at once, and than what a socket takes at once.
    @Test func `a large answer arrives whole`() throws {
        let harness = try harness([.ssl])
        try harness.broker.createTopic("a", partitionCount: 1)
        let client = try connect(harness, .ssl)
        var batches: [[UInt8]] = []
        for number in 0..<12 {
            var builder = RecordBatchBuilder(capacity: 1 << 20)
            let value = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* (number &+ 3) >> 5) }
            value.withUnsafeBytes {
                builder.append(timestamp: Timestamp(1_700_000_000_000), key: nil, value: $0)
            }
            let batch = Array(builder.seal())
            batches.append(batch)
            let produced = try client.ask(
                ProduceRequest(
                    acks: -1,
                    timeoutMs: 5000,
                    topicData: [.init(name: "a", partitionData: [.init(index: 0, records: batch)])]
                ),
                ProduceResponse.self,
                key: 0,
                version: 9,
                flexibleFrom: 9
            )
            #expect(produced.responses.first?.partitionResponses.first?.errorCode == 0)
        }
        let fetched = try client.ask(
            FetchRequest(
                maxWaitMs: 0,
                minBytes: 1,
                sessionEpoch: 0,
                topics: [
                    .init(
                        topic: "a",
                        partitions: [
                            .init(partition: 0, fetchOffset: 0, partitionMaxBytes: 16 << 20)
                        ]
                    )
                ]
            ),
            FetchResponse.self,
            key: 1,
            version: 12,
            flexibleFrom: 12
        )
        let records = try #require(fetched.responses.first?.partitions.first?.records)
        // Base offsets and epochs are the log's; the rest is as it was sent.
        var position = 0
        var count = 0
        for batch in batches where position + batch.count <= records.count {
            let range = (position + 17)..<(position + batch.count)
            #expect(records[range].elementsEqual(batch[17...]))
            position += batch.count
            count += 1
        }
        #expect(position == records.count)
        #expect(count >= 8)
        try harness.stop()
    }

    @Test func `a listener without a certificate that can be used does not begin`() throws {
        for keystore in ["expired", "mismatched", "missing"] {
            let error = #expect(throws: ServerError.self) {
                try ServerHarness(
                    protocols: [.plaintext, .saslSSL],
                    certificates: ServerSecurity.Certificates(
                        keystore: TestCertificates.file(keystore)
                    )
                )
            }
            #expect(error?.description.contains(TestCertificates.file(keystore)) == true)
        }
    }
}
