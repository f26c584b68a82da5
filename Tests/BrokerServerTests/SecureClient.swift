import BrokerServer
import Foundation
import KafkaWire
import Security
import Testing

/// Certificates for the tests of this process, made once.
enum TestCertificates {
    static let folder: String = {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-certificates-\(UUID().uuidString)").path
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "certificates.sh").path
        do {
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true
            )
            let process = Process()
            process.executableURL = URL(filePath: "/bin/bash")
            process.arguments = [script, folder]
            try process.run()
            process.waitUntilExit()
            precondition(process.terminationStatus == 0, "no certificates were made")
        } catch {
            preconditionFailure("no certificates were made: \(error)")
        }
        return folder
    }()

    static func file(_ name: String) -> String { "\(folder)/\(name).pem" }

    static func server(
        _ authentication: TLSContext.ClientAuthentication = .none
    ) -> ServerSecurity.Certificates {
        ServerSecurity.Certificates(
            keystore: file("server"),
            truststore: authentication == .none ? nil : file("ca"),
            clientAuthentication: authentication
        )
    }
}

/// A client whose bytes are encrypted.
final class SecureClient: RawClient {
    private let session: TLSSession
    private var plain: [UInt8] = []

    init(port: UInt16, certificate: String? = nil, authority: String = "ca") throws {
        session = try TLSSession(
            TLSContext.client(
                truststore: TestCertificates.file(authority),
                keystore: certificate.map(TestCertificates.file)
            ),
            host: "localhost"
        )
        try super.init(port: port)
        try session.begin()
        try super.send(session.takeOutgoing())
        while !session.isOpen, !session.isEnded { try take() }
    }

    private func take() throws {
        let bytes = try super.receiveSome()
        plain += try bytes.withUnsafeBytes { try session.receive($0) }
        let outgoing = session.takeOutgoing()
        if !outgoing.isEmpty { try super.send(outgoing) }
    }

    override func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try session.send($0) }
        try super.send(session.takeOutgoing())
    }

    override func receive(_ count: Int) throws -> [UInt8] {
        while plain.count < count {
            // What came with the end was said before it.
            guard !session.isEnded else { throw Closed() }
            try take()
        }
        defer { plain.removeFirst(count) }
        return Array(plain.prefix(count))
    }
}

extension RawClient {
    /// Says who it is; returns the server's refusal, or nil where it is let in.
    func logIn(
        _ mechanism: SaslMechanism,
        _ user: String,
        _ password: String,
        version: Int16 = 2
    ) throws -> String? {
        let handshake = try ask(
            SaslHandshakeRequest(mechanism: mechanism.rawValue),
            SaslHandshakeResponse.self,
            key: 17,
            version: 1,
            flexibleFrom: .max
        )
        guard handshake.errorCode == 0 else { return "no such mechanism" }
        var client = SaslClient(mechanism, user: user, password: Array(password.utf8))
        var token = client.begin()
        while true {
            let answer = try ask(
                SaslAuthenticateRequest(authBytes: token),
                SaslAuthenticateResponse.self,
                key: 36,
                version: version,
                flexibleFrom: 2
            )
            guard answer.errorCode == 0 else {
                #expect(answer.errorCode == 58)
                return answer.errorMessage ?? ""
            }
            switch try client.received(answer.authBytes) {
            case .say(let next): token = next
            case .done: return nil
            }
        }
    }

    /// The address of the one node, as this client is told it.
    func node() throws -> NodeAddressSeen {
        let answer = try ask(
            MetadataRequest(topics: []),
            MetadataResponse.self,
            key: 3,
            version: 12,
            flexibleFrom: 9
        )
        let broker = try #require(answer.brokers.first)
        return NodeAddressSeen(host: broker.host, port: broker.port)
    }
}

struct NodeAddressSeen: Equatable {
    let host: String
    let port: Int32
}
