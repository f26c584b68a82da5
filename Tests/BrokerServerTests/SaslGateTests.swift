import BrokerAPI
import Bytes
import KafkaRecords
import KafkaWire
import Security
import Testing

@testable import BrokerServer

/// A connection that has to say who it is, without a socket.
struct SaslGateTests {
    private typealias Seen = ConnectionHarness.Seen

    private static let metadata: Int16 = 3
    private static let server = SaslServer(.plain, SaslServer.Randomness(secret: [1]))

    private func harness(
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) -> ConnectionHarness {
        ConnectionHarness(
            gate: SaslGate([.plain, .scramSHA256], SaslServer.Randomness(secret: [1])),
            change
        )
    }

    private func handshake(_ mechanism: String, version: Int16 = 1) throws -> [UInt8] {
        ConnectionHarness.frame(
            APITable.saslHandshakeKey,
            version: version,
            body: try SaslHandshakeRequest(mechanism: mechanism).encoded(version: version)
        )
    }

    private func authenticate(_ token: [UInt8], version: Int16 = 1) throws -> [UInt8] {
        ConnectionHarness.frame(
            APITable.saslAuthenticateKey,
            version: version,
            body: try SaslAuthenticateRequest(authBytes: token).encoded(version: version)
        )
    }

    /// The answer behind length and correlation id.
    private func read<Response: KafkaMessage>(
        _ seen: [Seen],
        _ type: Response.Type,
        version: Int16 = 1
    ) throws -> Response {
        let wrote = seen.compactMap { seen -> [UInt8]? in
            if case .wrote(let bytes) = seen { bytes } else { nil }
        }
        let bytes = try #require(wrote.first)
        return try bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[8...]))
            return try Response(reading: &reader, version: version)
        }
    }

    private func isClosed(_ seen: [Seen]) -> Bool {
        seen.contains { if case .closed = $0 { true } else { false } }
    }

    @Test func `only who has said who it is has requests answered, and as itself`() throws {
        let harness = harness()
        let versions = harness.receive(ConnectionHarness.frame(18))
        #expect(versions.contains(.handled(apiKey: 18, number: 0, body: [])))
        _ = harness.answer(0, [])
        let told = try read(harness.receive(handshake("PLAIN")), SaslHandshakeResponse.self)
        #expect(told.errorCode == 0)
        #expect(told.mechanisms == ["PLAIN", "SCRAM-SHA-256"])
        let looked = try harness.receive(authenticate([0, 1, 2]))
        #expect(looked == [.looked(token: [0, 1, 2], number: 2)])
        #expect(harness.machine.identity.principal == "User:ANONYMOUS")
        let answer = try read(
            harness.look(2, Self.server, .authenticated(user: "alice", [9])),
            SaslAuthenticateResponse.self
        )
        #expect(answer.errorCode == 0)
        #expect(answer.authBytes == [9])
        #expect(harness.machine.identity.principal == "User:alice")
        let handled = harness.receive(ConnectionHarness.frame(Self.metadata, version: 1))
        #expect(handled.contains(.handled(apiKey: Self.metadata, number: 3, body: [])))
    }

    @Test(arguments: [Int16(0), 1, 2, 3, 8, 10, 19, 22, 32, 50, 51])
    func `a request before that ends the connection`(key: Int16) throws {
        let version = try #require(APITable.entries[key]).served.upperBound
        let isFlexible = try #require(APITable.entries[key]).isFlexible(version)
        let frame = ConnectionHarness.frame(key, version: version, body: isFlexible ? [0] : [])
        let seen = harness().receive(frame)
        #expect(isClosed(seen))
        #expect(!seen.contains { if case .handled = $0 { true } else { false } })
        let between = harness()
        _ = try between.receive(handshake("PLAIN"))
        #expect(isClosed(between.receive(frame)))
    }

    @Test func `a mechanism that is not offered is told those that are, then no more`() throws {
        let harness = harness()
        let seen = try harness.receive(handshake("SCRAM-SHA-512") + authenticate([1]))
        let answer = try read(seen, SaslHandshakeResponse.self)
        #expect(answer.errorCode == 33)
        #expect(answer.mechanisms == ["PLAIN", "SCRAM-SHA-256"])
        #expect(!isClosed(seen))
        #expect(isClosed(harness.send(unsent(seen))))
    }

    private func unsent(_ seen: [Seen]) -> Int {
        seen.reduce(0) { sum, seen in
            if case .wrote(let bytes) = seen { sum + bytes.count } else { sum }
        }
    }

    @Test func `whoever fails is told so with Kafka's code, and the connection ends`() throws {
        let harness = harness()
        _ = harness.send(unsent(try harness.receive(handshake("PLAIN"))))
        _ = try harness.receive(authenticate([1]))
        let seen = harness.look(1, Self.server, .failed("no"))
        let answer = try read(seen, SaslAuthenticateResponse.self)
        #expect(answer.errorCode == 58)
        #expect(answer.errorMessage == "no")
        #expect(!isClosed(seen))
        #expect(isClosed(harness.send(unsent(seen))))
        #expect(harness.machine.identity.principal == "User:ANONYMOUS")
    }

    @Test func `steps out of order are answered ILLEGAL_SASL_STATE`() throws {
        let early = harness()
        let answer = try read(
            early.receive(authenticate([1])),
            SaslAuthenticateResponse.self
        )
        #expect(answer.errorCode == 34)
        let twice = harness()
        _ = try twice.receive(handshake("PLAIN"))
        let second = try read(twice.receive(handshake("PLAIN")), SaslHandshakeResponse.self)
        #expect(second.errorCode == 34)
    }

    @Test func `after a handshake of version 0 tokens travel without headers`() throws {
        let harness = harness()
        _ = try harness.receive(handshake("PLAIN", version: 0))
        let token: [UInt8] = [0, 97, 0, 98]
        let looked = harness.receive(ConnectionHarness.bytes(Int32(token.count)) + token)
        #expect(looked == [.looked(token: token, number: 1)])
        let seen = harness.look(1, Self.server, .challenge([7, 7]))
        #expect(seen.contains(.wrote([0, 0, 0, 2, 7, 7])))
        _ = harness.receive(ConnectionHarness.bytes(Int32(0)))
        let last = harness.look(2, Self.server, .authenticated(user: "a", []))
        #expect(last.contains(.wrote([0, 0, 0, 0])))
        let handled = harness.receive(ConnectionHarness.frame(Self.metadata, version: 1))
        #expect(handled.contains(.handled(apiKey: Self.metadata, number: 3, body: [])))
        let failing = self.harness()
        _ = try failing.receive(handshake("PLAIN", version: 0))
        _ = failing.receive(ConnectionHarness.bytes(Int32(1)) + [1])
        #expect(isClosed(failing.look(1, Self.server, .failed("no"))))
    }

    @Test func `somebody unknown sends no large frames, somebody known does`() throws {
        let limit = SaslGate.frameByteLimit
        #expect(isClosed(harness().receive(ConnectionHarness.bytes(Int32(limit + 1)))))
        let harness = harness()
        _ = try harness.receive(handshake("PLAIN"))
        _ = try harness.receive(authenticate([1]))
        _ = harness.look(1, Self.server, .authenticated(user: "a", []))
        #expect(!isClosed(harness.receive(ConnectionHarness.bytes(Int32(limit + 1)))))
    }

    @Test func `who does not get on with it is cut off`() throws {
        let harness = harness { $0.authenticationTimeout = .seconds(10) }
        _ = try harness.receive(handshake("PLAIN"))
        #expect(harness.overdue(afterSeconds: 10) == nil)
        #expect(harness.overdue(afterSeconds: 11) == .unauthenticated)
        _ = try harness.receive(authenticate([1]))
        _ = harness.look(1, Self.server, .authenticated(user: "a", []))
        #expect(harness.overdue(afterSeconds: 29) == nil)
        let unsecured = ConnectionHarness(isUnsecured: true)
        #expect(unsecured.overdue(afterSeconds: 31) == .unauthenticated)
        unsecured.machine.secured(as: "User:CN=a")
        #expect(unsecured.overdue(afterSeconds: 31) == nil)
        #expect(unsecured.machine.identity.principal == "User:CN=a")
    }

    @Test func `a stop waits for a token that is looked at`() throws {
        let harness = harness()
        _ = harness.send(unsent(try harness.receive(handshake("PLAIN"))))
        _ = try harness.receive(authenticate([1]))
        #expect(!isClosed(harness.drain()))
        let seen = harness.look(1, Self.server, .authenticated(user: "a", []))
        #expect(isClosed(harness.send(unsent(seen))))
    }
}
