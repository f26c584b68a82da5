import Testing

@testable import Security

/// SCRAM against the vectors of RFC 5802's successors and against what attackers send.
struct ScramTests {
    /// A user with the password `pencil`, as RFC 7677 has it.
    private static let salt: [UInt8] = Base64.decode("W22ZaJ0SNY7soEsUEjb6gQ==".utf8) ?? []
    private static let clientNonce = "rOprNGfwEbeRWgbNEkqO"
    private static let serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    private static var nonce: String { clientNonce + serverNonce }
    private static let first = "n,,n=user,r=\(clientNonce)"
    private static let challenge = "r=\(nonce),s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    private static let final =
        "c=biws,r=\(nonce),p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    private static let proven = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

    private func credential(_ mechanism: ScramMechanism) throws -> ScramCredential {
        let salted = SaltedPassword(
            mechanism,
            password: Array("pencil".utf8),
            salt: Self.salt,
            4096
        )
        return try #require(
            ScramCredential(
                mechanism: mechanism,
                salt: salted.salt,
                saltedPassword: salted.bytes,
                iterations: salted.iterations
            )
        )
    }

    private func server(_ mechanism: SaslMechanism = .scramSHA256) -> SaslServer {
        SaslServer(
            mechanism,
            SaslServer.Randomness(nonce: Array(Self.serverNonce.utf8), secret: [1, 2, 3])
        )
    }

    private func lookUp() throws -> SaslServer.LookUp {
        let known = try credential(.sha256)
        return { user, mechanism in user == "user" && mechanism == .sha256 ? known : nil }
    }

    private static func isFailure(_ step: SaslServer.Step) -> Bool {
        if case .failed = step { true } else { false }
    }

    @Test func `the exchange of RFC 7677 comes out byte by byte`() throws {
        var server = server()
        let lookUp = try lookUp()
        #expect(
            server.received(Array(Self.first.utf8), lookUp)
                == .challenge(Array(Self.challenge.utf8))
        )
        #expect(
            server.received(Array(Self.final.utf8), lookUp)
                == .authenticated(user: "user", Array(Self.proven.utf8))
        )
    }

    @Test func `a client makes the same exchange, and believes no other server`() throws {
        func client() -> SaslClient {
            SaslClient(
                .scramSHA256,
                user: "user",
                password: Array("pencil".utf8),
                nonce: Array(Self.clientNonce.utf8)
            )
        }
        var right = client()
        #expect(right.begin() == Array(Self.first.utf8))
        #expect(try right.received(Array(Self.challenge.utf8)) == .say(Array(Self.final.utf8)))
        #expect(try right.received(Array(Self.proven.utf8)) == .done)
        var wrong = client()
        _ = wrong.begin()
        _ = try wrong.received(Array(Self.challenge.utf8))
        #expect(throws: SaslClient.Failure.unproven) {
            try wrong.received(Array("v=\(Base64.encode(Self.salt))".utf8))
        }
        for (challenge, failure) in [
            ("r=somebody,s=AAAA,i=4096", SaslClient.Failure.unproven),
            ("r=\(Self.nonce),s=AAAA,i=1", .rounds(1)),
            ("r=\(Self.nonce),s=AAAA,i=2147483647", .rounds(2_147_483_647)),
            ("r=\(Self.nonce)", .malformed), ("m=x,r=\(Self.nonce),s=AAAA,i=4096", .malformed),
        ] {
            var client = client()
            _ = client.begin()
            #expect(throws: failure) { try client.received(Array(challenge.utf8)) }
        }
    }

    /// The nonce of the last message is the whole one (CVE-2024-56128), the binding that of the
    /// first, the proof that of all.
    @Test(arguments: [
        ScramTests.final.replacingNonce(with: ScramTests.clientNonce),
        ScramTests.final.replacingNonce(with: ScramTests.serverNonce),
        ScramTests.final.replacingNonce(with: ScramTests.nonce + "x"),
        "c=eSws" + ScramTests.final.dropFirst(6), "c=biws",
        "c=biws,r=\(ScramTests.nonce),p=", "c=biws,r=\(ScramTests.nonce),p=AAAA",
        "c=biws,r=\(ScramTests.nonce)", "r=\(ScramTests.nonce),c=biws,p=AAAA",
        "", ",", "p=", "\0", ScramTests.first,
    ])
    func `a last message that is not that of the exchange fails, and ends it`(
        message: String
    ) throws {
        var server = server()
        let lookUp = try lookUp()
        _ = server.received(Array(Self.first.utf8), lookUp)
        #expect(Self.isFailure(server.received(Array(message.utf8), lookUp)))
        #expect(Self.isFailure(server.received(Array(Self.final.utf8), lookUp)))
    }

    @Test func `another proof over another nonce is right for nobody`() throws {
        // The proof is made with the right password over a nonce that the server did not give.
        let credential = try credential(.sha256)
        let salted = SaltedPassword(
            .sha256,
            password: Array("pencil".utf8),
            salt: Self.salt,
            4096
        )
        let keys = ScramKeys(.sha256, saltedPassword: salted.bytes)
        let withoutProof = "c=biws,r=\(Self.clientNonce)"
        let signed = "n=user,r=\(Self.clientNonce),\(Self.challenge),\(withoutProof)"
        let proof = ScramProof.make(keys, .sha256, of: Array(signed.utf8))
        #expect(ScramProof.isRight(proof, of: Array(signed.utf8), credential))
        var server = server()
        let lookUp = try lookUp()
        _ = server.received(Array(Self.first.utf8), lookUp)
        let final = "\(withoutProof),p=\(Base64.encode(proof))"
        #expect(Self.isFailure(server.received(Array(final.utf8), lookUp)))
    }

    @Test(arguments: [
        "", "n", "n,", "n,,", "n,,n=user", "n,,r=abc", "n,,n=,r=abc", "n,,n=user,r=",
        "y,,n=user,r=abc", "p=tls-unique,,n=user,r=abc", "n,a=admin,n=user,r=abc",
        "n,x=y,n=user,r=abc", "n,,m=ext,n=user,r=abc", "n,,n=us=er,r=abc", "n,,n=user,r=a b",
        "n,,n=user,r=a\u{e4}", "n,,r=abc,n=user", "n,,n=a\0b,r=abc",
        "n,,n=user,r=abc" + String(repeating: ",x=y", count: 20),
        "n,,n=user,r=" + String(repeating: "a", count: 9000),
    ])
    func `a first message that is none fails`(message: String) throws {
        var server = server()
        #expect(Self.isFailure(server.received(Array(message.utf8), try lookUp())))
    }

    @Test func `a name has its commas and equals signs in another form`() throws {
        #expect(try ScramMessage.decodedName(Array("a=2Cb=3Dc".utf8)[...]) == "a,b=c")
        #expect(ScramMessage.encodedName("a,b=c") == "a=2Cb=3Dc")
        let first = try ClientFirstMessage(Array("n,a=u=2Cv,n=u=2Cv,r=x,ext=1".utf8.dropLast(6)))
        #expect(first.user == "u,v")
        #expect(first.authorizationID == "u,v")
    }

    /// Whoever asks learns nothing of who is known: the same salt each time, and the same failure.
    @Test func `somebody unknown is talked to like anybody`() throws {
        func challenge() -> SaslServer.Step {
            var server = server()
            return server.received(Array("n,,n=nobody,r=abc".utf8)) { _, _ in nil }
        }
        guard case .challenge(let one) = challenge() else {
            Issue.record("there is no challenge")
            return
        }
        #expect(challenge() == .challenge(one))
        let message = try ServerFirstMessage(one)
        #expect(message.salt.count == 32)
        #expect(message.iterations == 4096)
        var again = server()
        _ = again.received(Array("n,,n=nobody,r=abc".utf8)) { _, _ in nil }
        let final = "c=biws,r=abc\(Self.serverNonce),p=\(Base64.encode(Self.salt + Self.salt))"
        #expect(Self.isFailure(again.received(Array(final.utf8)) { _, _ in nil }))
    }

    /// Users with more rounds, and such that Kafka's tool made, are as many among the unknown.
    @Test func `who is unknown has rounds and a salt like the users`() throws {
        func made(
            _ mechanism: ScramMechanism,
            _ rounds: Int32,
            salt: String
        ) throws
            -> ScramCredential
        {
            try #require(
                ScramCredential(
                    mechanism: mechanism,
                    salt: Array(salt.utf8),
                    saltedPassword: [UInt8](repeating: 1, count: mechanism.keyByteCount),
                    iterations: rounds
                )
            )
        }
        let few = try made(.sha256, 8192, salt: "1a2b3c4d5e6f7g8h9i0j1k2l3m")
        let many = try made(.sha512, 16_384, salt: "\u{1}" + String(repeating: "\u{2}", count: 31))
        let shapes = ScramShapes([few, many], plain: [few, many])
        var rounds: [Int32: Int] = [:]
        for number in 0..<200 {
            var server = server()
            let first = Array("n,,n=nobody\(number),r=abc".utf8)
            guard
                case .challenge(let text) = server.received(first, shapes: shapes, { _, _ in nil })
            else {
                Issue.record("there is no challenge")
                return
            }
            let message = try ServerFirstMessage(text)
            #expect(message.iterations == 8192 && message.salt.count == 26)
            #expect(message.salt.allSatisfy { ScramShapes.letters.contains($0) })
            let decoy = shapes.decoy(nil, user: "nobody\(number)", secret: [1, 2, 3])
            #expect(decoy == shapes.decoy(nil, user: "nobody\(number)", secret: [1, 2, 3]))
            #expect(decoy.mechanism == (decoy.iterations == 8192 ? .sha256 : .sha512))
            rounds[decoy.iterations, default: 0] += 1
        }
        #expect(rounds.keys.sorted() == [8192, 16_384])
        #expect(rounds.values.allSatisfy { $0 > 60 }, "\(rounds)")
    }

    @Test(arguments: SaslMechanism.allCases, ["pencil", "", "Pencil", "pencil "])
    func `each mechanism lets in who has the password, and nobody else`(
        mechanism: SaslMechanism,
        password: String
    ) throws {
        let known = [ScramMechanism.sha256, .sha512]
        let credentials = Dictionary(
            uniqueKeysWithValues: try known.map { ($0, try credential($0)) }
        )
        let lookUp: SaslServer.LookUp = { user, mechanism in
            user == "\u{fc}ser" ? credentials[mechanism] : nil
        }
        var server = SaslServer(mechanism, SaslServer.Randomness(secret: [7]))
        var client = SaslClient(mechanism, user: "\u{fc}ser", password: Array(password.utf8))
        var token = client.begin()
        var user: String?
        exchange: while true {
            switch server.received(token, lookUp) {
            case .failed: break exchange
            case .challenge(let challenge):
                guard case .say(let next) = try client.received(challenge) else { break exchange }
                token = next
            case .authenticated(let name, let last):
                #expect(try client.received(last) == .done)
                user = name
                break exchange
            }
        }
        #expect(user == (password == "pencil" ? "\u{fc}ser" : nil))
    }

    @Test(arguments: [
        "", "\0", "user\0pencil", "\0\0pencil", "\0user\0", "\0user\0wrong", "\0other\0pencil",
        "admin\0user\0pencil", "\0user\0pencil\0", "\0us\u{0}er\0pencil",
    ])
    func `what PLAIN does not take fails with Kafka's words`(token: String) throws {
        var server = server(.plain)
        let step = server.received(Array(token.utf8), try lookUp())
        guard case .failed(let words) = step else {
            Issue.record("it was taken: \(step)")
            return
        }
        #expect(!words.contains("pencil") && !words.contains("wrong"))
    }

    @Test func `a credential is kept within bounds`() throws {
        let good = try credential(.sha256)
        func make(_ salt: [UInt8], _ storedKey: [UInt8], _ iterations: Int32) -> ScramCredential? {
            ScramCredential(
                mechanism: .sha256,
                salt: salt,
                storedKey: storedKey,
                serverKey: good.serverKey,
                iterations: iterations
            )
        }
        #expect(make(good.salt, good.storedKey, 4096) == good)
        #expect(make([], good.storedKey, 4096) == nil)
        #expect(make([UInt8](repeating: 0, count: 257), good.storedKey, 4096) == nil)
        #expect(make(good.salt, [], 4096) == nil)
        #expect(make(good.salt, good.storedKey, 4095) == nil)
        #expect(make(good.salt, good.storedKey, 16_385) == nil)
    }

    @Test(arguments: ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"])
    func `base 64 is that of RFC 4648`(text: String) throws {
        let bytes = Array("foobar".utf8.prefix(text.filter { $0 != "=" }.count * 6 / 8))
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.decode(text.utf8) == bytes)
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zm 9", "Zm\n9", "Zg==Zg==",
    ])
    func `what is no base 64 is nothing`(text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }
}

extension String {
    fileprivate func replacingNonce(with other: String) -> String {
        split(separator: ",").map { $0.hasPrefix("r=") ? "r=\(other)" : String($0) }
            .joined(separator: ",")
    }
}
