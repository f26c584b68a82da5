import Foundation
import Testing

@testable import Security

/// Two ends of an encrypted connection with nothing between them but bytes.
struct TLSTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Certificates of each kind, made once.
    private static let folder: String = {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "millrace-tls-\(UUID().uuidString)").path
        do {
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true
            )
            let process = Process()
            process.executableURL = URL(filePath: "/bin/bash")
            process.arguments = [root.appending(path: "certificates.sh").path, folder]
            try process.run()
            process.waitUntilExit()
            precondition(process.terminationStatus == 0, "no certificates were made")
        } catch {
            preconditionFailure("no certificates were made: \(error)")
        }
        return folder
    }()

    private static func file(_ name: String) -> String { "\(folder)/\(name).pem" }

    private func server(
        _ name: String = "server",
        _ authentication: TLSContext.ClientAuthentication = .none
    ) throws -> TLSSession {
        try TLSSession(
            TLSContext.server(
                keystore: Self.file(name),
                truststore: Self.file("ca"),
                authentication
            )
        )
    }

    private func client(
        _ certificate: String? = nil,
        host: String = "localhost"
    ) throws
        -> TLSSession
    {
        try TLSSession(
            TLSContext.client(
                truststore: Self.file("ca"),
                keystore: certificate.map(Self.file)
            ),
            host: host
        )
    }

    /// Carries what one end has to say to the other, in pieces; returns what it means.
    private func carry(
        _ bytes: [UInt8],
        to end: TLSSession,
        pieces: [Int]
    ) throws(TLSError) -> [UInt8] {
        var plain: [UInt8] = []
        var rest = bytes[...]
        var sizes = pieces[...]
        while !rest.isEmpty {
            let piece = rest.prefix(sizes.popFirst() ?? rest.count)
            rest = rest.dropFirst(piece.count)
            let result = Array(piece).withUnsafeBytes { bytes in
                Result { () throws(TLSError) in try end.receive(bytes) }
            }
            plain += try result.get()
        }
        return plain
    }

    private func shakeHands(
        _ client: TLSSession,
        _ server: TLSSession,
        pieces: [Int] = []
    ) throws(TLSError) {
        try client.begin()
        for _ in 0..<4 {
            _ = try carry(client.takeOutgoing(), to: server, pieces: pieces)
            _ = try carry(server.takeOutgoing(), to: client, pieces: pieces)
        }
    }

    private func send(_ bytes: [UInt8], by end: TLSSession) throws -> [UInt8] {
        try bytes.withUnsafeBytes { try end.send($0) }
        return end.takeOutgoing()
    }

    @Test(arguments: [1, 2, 5, 16, 100, 1 << 20])
    func `bytes come out as they went in, in whatever pieces they travel`(size: Int) throws {
        let (client, server) = (try client(), try server())
        let pieces = [Int](repeating: size, count: 4096)
        try shakeHands(client, server, pieces: pieces)
        #expect(client.isOpen && server.isOpen)
        for count in [1, 100, 16_384, 16_385, 100_000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            let there = try send(bytes, by: client)
            #expect(!there.contains(bytes) || count < 4)
            #expect(try carry(there, to: server, pieces: size < 16 ? [size] : pieces) == bytes)
            let back = try send(bytes, by: server)
            #expect(try carry(back, to: client, pieces: [size]) == bytes)
        }
        client.end()
        #expect(try carry(client.takeOutgoing(), to: server, pieces: []) == [])
        #expect(server.isEnded)
    }

    @Test func `an authority that another has signed is one to trust by itself`() throws {
        let server = try TLSSession(
            TLSContext.server(
                keystore: Self.file("below"),
                truststore: Self.file("anchor"),
                .required
            )
        )
        let client = try TLSSession(
            TLSContext.client(truststore: Self.file("anchor"), keystore: Self.file("below")),
            host: "localhost"
        )
        try shakeHands(client, server)
        #expect(client.isOpen && server.isOpen)
        // Of the one above it nothing is trusted by that.
        let other = try TLSSession(
            TLSContext.client(truststore: Self.file("anchor"), keystore: nil),
            host: "localhost"
        )
        #expect(throws: TLSError.self) { try shakeHands(other, try self.server()) }
    }

    @Test func `a handshake may be cut anywhere`() throws {
        let probe = try client()
        try probe.begin()
        let flight = probe.takeOutgoing().count
        for cut in stride(from: 1, to: flight, by: 1) {
            let (client, server) = (try client(), try server())
            try client.begin()
            let hello = client.takeOutgoing()
            _ = try carry(Array(hello.prefix(cut)), to: server, pieces: [])
            #expect(!server.isOpen)
            _ = try carry(Array(hello.dropFirst(cut)), to: server, pieces: [])
            let answer = server.takeOutgoing()
            #expect(!answer.isEmpty)
            _ = try carry(answer, to: client, pieces: [cut])
            _ = try carry(client.takeOutgoing(), to: server, pieces: [cut])
            #expect(client.isOpen && server.isOpen)
        }
    }

    @Test func `what is changed on its way is nothing`() throws {
        let (client, server) = (try client(), try server())
        try shakeHands(client, server)
        var bytes = try send(Array("hello".utf8), by: client)
        bytes[bytes.count - 1] ^= 1
        #expect(throws: TLSError.self) { try carry(bytes, to: server, pieces: []) }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n\r\n", "\0\0\0\u{14}\0\u{12}\0\u{3}\0\0\0\u{1}\0\u{1}x",
        "\u{16}\u{3}\u{1}",
    ])
    func `what is not TLS is refused, or waited for`(text: String) throws {
        let server = try server()
        do throws(TLSError) {
            _ = try carry(Array(text.utf8), to: server, pieces: [])
            #expect(text.utf8.count < 5)
        } catch {
            #expect(!server.isOpen)
        }
    }

    // MARK: Certificates

    @Test(arguments: ["elsewhere", "foreign"])
    func `a client believes no certificate of another name or authority`(name: String) throws {
        let (client, server) = (try client(), try server(name))
        let error = #expect(throws: TLSError.self) { try shakeHands(client, server) }
        #expect(error?.description.contains("certificate") == true)
    }

    @Test func `an address is a name as well`() throws {
        let (client, server) = (try client(host: "127.0.0.1"), try server())
        try shakeHands(client, server)
        #expect(client.isOpen)
        let (stranger, other) = (try self.client(host: "127.0.0.2"), try self.server())
        #expect(throws: TLSError.self) { try shakeHands(stranger, other) }
    }

    @Test func `a subject is written as Java writes it`() throws {
        for (name, subject) in [
            (
                "client",
                "CN=\\ Zo\u{eb} one,1.2.840.113549.1.9.1=#16056140622e63,OU=X\\+Y \\#1,"
                    + "O=Some\\, Org,C=DE"
            ), ("server", "CN=localhost,O=Millrace"), ("pair", "O=Z,CN=x+UID=u1"),
            ("sorted", "C=US,CN=a+CN=z+O=b"),
        ] {
            let (client, server) = (try client(name), try server("server", .required))
            try shakeHands(client, server)
            #expect(server.peerSubject == subject)
        }
    }

    @Test(arguments: [nil, "oldclient", "foreignclient"], TLSContext.ClientAuthentication.allCases)
    func `a client without a certificate that is trusted is let in only where none is needed`(
        certificate: String?,
        authentication: TLSContext.ClientAuthentication
    ) throws {
        let (client, server) = (try client(certificate), try server("server", authentication))
        let isWelcome =
            authentication == .none || authentication == .requested && certificate == nil
        if isWelcome {
            try shakeHands(client, server)
            #expect(server.isOpen)
            #expect(server.peerSubject == nil)
        } else {
            #expect(throws: TLSError.self) { try shakeHands(client, server) }
            #expect(!server.isOpen)
        }
    }

    @Test(arguments: [
        ("expired", "not valid any more"), ("early", "not valid yet"),
        ("mismatched", "key"), ("keyless", "no private key"),
        ("certificateless", "no certificate"), ("locked", "without a password"),
        ("missing", "cannot be read"),
    ])
    func `a listener does not begin with files that serve nobody`(
        name: String,
        words: String
    ) throws {
        let error = #expect(throws: TLSError.self) {
            try TLSContext.server(keystore: Self.file(name), truststore: nil, .none)
        }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        #expect(error?.description.hasPrefix(Self.file(name)) == true)
    }

    @Test func `whom to trust has to be known where certificates are asked for`() throws {
        #expect(throws: TLSError.self) {
            try TLSContext.server(keystore: Self.file("server"), truststore: nil, .required)
        }
        #expect(throws: TLSError.self) {
            try TLSContext.server(
                keystore: Self.file("server"),
                truststore: Self.file("certificateless"),
                .requested
            )
        }
    }
}
