/// The server's side of an exchange in which somebody says who it is: a token in, a step out. Looks
/// nothing up itself and knows no time; one value a connection.
package struct SaslServer: Sendable {
    /// Where credentials are found; nil for a user without one of that mechanism.
    package typealias LookUp = (_ user: String, ScramMechanism) -> ScramCredential?

    package enum Step: Equatable, Sendable {
        /// The other end has to answer this.
        case challenge([UInt8])
        /// It is this user; the token is the last that it is told.
        case authenticated(user: String, [UInt8])
        /// It is nobody known. The words are for the other end: Kafka's, and no secret.
        case failed(String)
    }

    /// What is random in it: a nonce that nobody had before, and a secret of this process.
    package struct Randomness: Sendable {
        let nonce: [UInt8]
        let secret: [UInt8]

        /// The nonce is printable ASCII without a comma.
        package init(nonce: [UInt8], secret: [UInt8]) {
            self.nonce = nonce
            self.secret = secret
        }

        /// From the system's source.
        package init(secret: [UInt8]) {
            self.init(
                nonce: Array(Base64.encode(Cryptography.randomBytes(24)).utf8),
                secret: secret
            )
        }
    }

    private enum Exchange: Sendable {
        case plain(secret: [UInt8])
        case scram(ScramServer)
    }

    /// The credentials that a password is checked against, the first that a user has.
    package static let plainOrder: [ScramMechanism] = [.sha256, .sha512]

    /// No client has so much to say of itself.
    package static let tokenByteLimit = 8192

    package let mechanism: SaslMechanism
    private var exchange: Exchange
    private var isOver = false

    package init(_ mechanism: SaslMechanism, _ randomness: Randomness) {
        self.mechanism = mechanism
        exchange =
            mechanism.scram.map { .scram(ScramServer($0, randomness)) }
            ?? .plain(secret: randomness.secret)
    }

    /// Takes what the other end says; `shapes` are those of all users. May take milliseconds:
    /// called where that is nobody's wait.
    package mutating func received(
        _ token: [UInt8],
        shapes: ScramShapes = ScramShapes(),
        _ lookUp: LookUp
    ) -> Step {
        guard !isOver, token.count <= Self.tokenByteLimit else { return failed() }
        let step: Step
        switch exchange {
        case .plain(let secret): step = PlainServer.step(token, secret, shapes, lookUp)
        case .scram(var scram):
            step = scram.received(token, shapes, lookUp) ?? failed()
            exchange = .scram(scram)
        }
        if case .challenge = step { return step }
        isOver = true
        return step
    }

    /// Kafka's words, which do not say what was wrong.
    private func failed() -> Step {
        .failed(
            "Authentication failed during authentication due to invalid credentials with SASL "
                + "mechanism \(mechanism.rawValue)"
        )
    }
}
