/// The client's side of an exchange: what it says first, then a token in and one out.
package struct SaslClient: Sendable {
    package enum Failure: Error, Equatable, Sendable {
        /// What the server says is none of the protocol.
        case malformed
        /// It wants so many rounds that a password would be guessed too fast, or that nobody waits.
        case rounds(Int32)
        /// It does not know the password itself, or not this exchange's.
        case unproven

        package var words: String {
            switch self {
            case .malformed: "it does not keep to the protocol of the mechanism"
            case .rounds(let count):
                "it wants \(count) rounds of the password; between 4096 and "
                    + "\(SaslClient.roundLimit) are made"
            case .unproven: "it does not prove that it knows the user"
            }
        }
    }

    package enum Step: Equatable, Sendable {
        /// Say this, and wait for the answer.
        case say([UInt8])
        case done
    }

    /// More rounds than this are no server's wish but an attack on the client.
    static let roundLimit: Int32 = 1_000_000

    private enum Phase: Sendable {
        case new
        case begun(bare: [UInt8])
        /// The server has to prove itself by this.
        case proven(signature: [UInt8])
        case plain
        case over
    }

    private let mechanism: SaslMechanism
    private let user: String
    private let password: [UInt8]
    private let nonce: [UInt8]
    private var phase = Phase.new

    package init(
        _ mechanism: SaslMechanism,
        user: String,
        password: [UInt8],
        nonce: [UInt8]? = nil
    ) {
        self.mechanism = mechanism
        self.user = user
        self.password = password
        self.nonce = nonce ?? Array(Base64.encode(Cryptography.randomBytes(24)).utf8)
    }

    /// What is said first.
    package mutating func begin() -> [UInt8] {
        guard mechanism.scram != nil else {
            phase = .plain
            return [0] + Array(user.utf8) + [0] + password
        }
        let bare = Array("n=\(ScramMessage.encodedName(user)),r=".utf8) + nonce
        phase = .begun(bare: bare)
        return Array("n,,".utf8) + bare
    }

    package mutating func received(_ token: [UInt8]) throws(Failure) -> Step {
        let before = phase
        phase = .over
        switch before {
        case .new, .over: throw .malformed
        case .plain:
            guard token.isEmpty else { throw .malformed }
            return .done
        case .begun(let bare):
            guard let scram = mechanism.scram, token.count <= SaslServer.tokenByteLimit else {
                throw .malformed
            }
            return try answer(token, bare, scram)
        case .proven(let signature):
            guard token.starts(with: Array("v=".utf8)),
                let said = Base64.decode(token.dropFirst(2).prefix { $0 != UInt8(ascii: ",") }),
                Cryptography.areEqual(said, signature)
            else { throw .unproven }
            return .done
        }
    }

    private mutating func answer(
        _ token: [UInt8],
        _ bare: [UInt8],
        _ scram: ScramMechanism
    ) throws(Failure) -> Step {
        let first: ServerFirstMessage
        do throws(ScramMessage.Malformed) { first = try ServerFirstMessage(token) } catch {
            throw .malformed
        }
        guard first.nonce.starts(with: nonce), first.nonce.count > nonce.count,
            ScramMessage.isNonce(first.nonce[...]), !first.salt.isEmpty
        else { throw .unproven }
        let least = ScramCredential.iterationRange.lowerBound
        guard (least...Self.roundLimit).contains(first.iterations) else {
            throw .rounds(first.iterations)
        }
        let salted = SaltedPassword(
            scram,
            password: password,
            salt: first.salt,
            first.iterations
        )
        let keys = ScramKeys(scram, saltedPassword: salted.bytes)
        let withoutProof = Array("c=biws,r=".utf8) + first.nonce
        let comma = UInt8(ascii: ",")
        let signed = bare + [comma] + first.text + [comma] + withoutProof
        let proof = ScramProof.make(keys, scram, of: signed)
        phase = .proven(
            signature: Cryptography.authenticationCode(scram.hash, key: keys.serverKey, signed)
        )
        return .say(withoutProof + Array(",p=\(Base64.encode(proof))".utf8))
    }
}
