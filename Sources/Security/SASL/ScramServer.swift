/// The server's side of SCRAM (RFC 5802, RFC 7677), without channel binding.
///
/// A user that there is not is talked to like any other, over a credential that no password fits:
/// who fails is told nothing by it.
struct ScramServer: Sendable {
    private struct Begun: Sendable {
        let first: ClientFirstMessage
        let answer: ServerFirstMessage
        let credential: ScramCredential
        let isDecoy: Bool
    }

    private enum Phase: Sendable {
        /// Then `begun`, or `over`.
        case new
        /// Then `over`.
        case begun(Begun)
        case over
    }

    private let mechanism: ScramMechanism
    private let randomness: SaslServer.Randomness
    private var phase = Phase.new

    init(_ mechanism: ScramMechanism, _ randomness: SaslServer.Randomness) {
        self.mechanism = mechanism
        self.randomness = randomness
    }

    /// Nil where it fails.
    mutating func received(
        _ token: [UInt8],
        _ shapes: ScramShapes,
        _ lookUp: SaslServer.LookUp
    ) -> SaslServer.Step? {
        let before = phase
        phase = .over
        do throws(ScramMessage.Malformed) {
            switch before {
            case .new: return begin(try ClientFirstMessage(token), shapes, lookUp)
            case .begun(let begun): return finish(try ClientFinalMessage(token), begun)
            case .over: return nil
            }
        } catch {
            return nil
        }
    }

    private mutating func begin(
        _ first: ClientFirstMessage,
        _ shapes: ScramShapes,
        _ lookUp: SaslServer.LookUp
    ) -> SaslServer.Step? {
        // Nobody speaks for somebody else.
        guard
            first.authorizationID.isEmpty
                || first.authorizationID.utf8.elementsEqual(first.user.utf8)
        else {
            return nil
        }
        let known = lookUp(first.user, mechanism)
        let credential =
            known ?? shapes.decoy(mechanism, user: first.user, secret: randomness.secret)
        let answer = ServerFirstMessage(
            nonce: first.nonce + randomness.nonce,
            salt: credential.salt,
            iterations: credential.iterations
        )
        phase = .begun(
            Begun(first: first, answer: answer, credential: credential, isDecoy: known == nil)
        )
        return .challenge(answer.text)
    }

    private func finish(_ final: ClientFinalMessage, _ begun: Begun) -> SaslServer.Step? {
        let credential = begun.credential
        let comma = UInt8(ascii: ",")
        let signed =
            begun.first.bare + [comma] + begun.answer.text + [comma] + final.withoutProof
        let isProven = ScramProof.isRight(final.proof, of: signed, credential)
        // The whole nonce, not its begin alone (CVE-2024-56128); all is looked at in any case.
        let isOfThisExchange = Cryptography.areEqual(final.nonce, begun.answer.nonce)
        let isUnbound = final.binding == begun.first.header
        guard isProven, isOfThisExchange, isUnbound, !begun.isDecoy else { return nil }
        let signature = Cryptography.authenticationCode(
            mechanism.hash,
            key: credential.serverKey,
            signed
        )
        return .authenticated(
            user: begun.first.user,
            Array("v=\(Base64.encode(signature))".utf8)
        )
    }
}

/// How a client proves that it knows the key of which the server has the hash.
enum ScramProof {
    static func make(_ keys: ScramKeys, _ mechanism: ScramMechanism, of message: [UInt8]) -> [UInt8]
    {
        let signature = Cryptography.authenticationCode(
            mechanism.hash,
            key: keys.storedKey,
            message
        )
        return zip(keys.clientKey, signature).map { $0 ^ $1 }
    }

    static func isRight(
        _ proof: [UInt8],
        of message: [UInt8],
        _ credential: ScramCredential
    ) -> Bool {
        let hash = credential.mechanism.hash
        guard proof.count == hash.byteCount else { return false }
        let signature = Cryptography.authenticationCode(hash, key: credential.storedKey, message)
        let clientKey = zip(proof, signature).map { $0 ^ $1 }
        return Cryptography.areEqual(
            Cryptography.digest(hash, clientKey),
            credential.storedKey
        )
    }
}
