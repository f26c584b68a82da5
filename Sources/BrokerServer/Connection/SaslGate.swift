import BrokerAPI
import KafkaWire
import LogModel
import Security

/// What a connection has to say before its requests are answered: Kafka's exchange, first the
/// mechanism (SaslHandshake), then its tokens, in SaslAuthenticate or, after a handshake of version
/// 0, in bare frames.
package struct SaslGate: Sendable {
    /// What becomes of a request.
    enum Verdict: Sendable {
        /// It is answered as any other.
        case pass
        /// This is the answer.
        case answer(APIAnswer)
        /// This is the answer, and the end of the connection.
        case refuse(APIAnswer)
        /// A token has to be looked at, which takes a while: `looked` goes on.
        case look(SaslServer, token: [UInt8])
    }

    private enum Phase: Sendable {
        /// Then `tokens`, or the connection ends.
        case handshake
        /// Then `done`, or the connection ends.
        case tokens(SaslServer, isBare: Bool)
        case done
    }

    /// A frame of somebody unknown: more than a token and its header need.
    static let frameByteLimit = 16 << 10

    private let mechanisms: [SaslMechanism]
    private let randomness: SaslServer.Randomness
    private var phase = Phase.handshake

    init(_ mechanisms: [SaslMechanism], _ randomness: SaslServer.Randomness) {
        self.mechanisms = mechanisms
        self.randomness = randomness
    }

    var isDone: Bool {
        if case .done = phase { true } else { false }
    }

    /// Whether the next frame is a token without a header.
    var isBare: Bool {
        if case .tokens(_, isBare: true) = phase { true } else { false }
    }

    // MARK: Events

    mutating func asked(_ request: APIRequest) -> Verdict {
        switch (phase, request.apiKey) {
        case (.done, _), (_, APITable.apiVersionsKey): return .pass
        case (.handshake, APITable.saslHandshakeKey): return handshake(request)
        case (.tokens(let server, isBare: false), APITable.saslAuthenticateKey):
            switch request.decode(SaslAuthenticateRequest.self) {
            case .failure(let error): return .refuse(.undecodable(error))
            case .success(let body): return .look(server, token: body.authBytes)
            }
        case (_, APITable.saslHandshakeKey):
            return .refuse(
                .encoding(
                    SaslHandshakeResponse(errorCode: KafkaErrorCode.illegalSaslState.rawValue),
                    version: request.version
                )
            )
        case (_, APITable.saslAuthenticateKey):
            return .refuse(
                Self.answer(
                    .illegalSaslState,
                    "SaslAuthenticate came before a SaslHandshake of version 1",
                    version: request.version
                )
            )
        default:
            return .refuse(
                .close(reason: "a request of the API \(request.apiKey) before authentication")
            )
        }
    }

    /// A bare frame came.
    func asked(token: [UInt8]) -> Verdict {
        guard case .tokens(let server, isBare: true) = phase else {
            return .refuse(.close(reason: "a token behind the end of the authentication"))
        }
        return .look(server, token: token)
    }

    /// What a token led to: the answer, and the user where it is known by now; nil for the answer
    /// that closes. `version` is that of the request, nil of a bare frame.
    mutating func looked(
        _ server: SaslServer,
        _ step: SaslServer.Step,
        version: Int16?
    ) -> (answer: APIAnswer, user: String?, isRefused: Bool) {
        switch step {
        case .challenge(let token):
            phase = .tokens(server, isBare: version == nil)
            return (Self.answer(token, version), nil, false)
        case .authenticated(let user, let token):
            phase = .done
            return (Self.answer(token, version), user, false)
        case .failed(let words):
            guard let version else { return (.close(reason: words), nil, true) }
            return (Self.answer(.saslAuthenticationFailed, words, version: version), nil, true)
        }
    }

    // MARK: Answers

    private mutating func handshake(_ request: APIRequest) -> Verdict {
        let body: SaslHandshakeRequest
        switch request.decode(SaslHandshakeRequest.self) {
        case .failure(let error): return .refuse(.undecodable(error))
        case .success(let decoded): body = decoded
        }
        var response = SaslHandshakeResponse(mechanisms: mechanisms.map(\.rawValue))
        guard let mechanism = mechanisms.first(where: { $0.rawValue == body.mechanism }) else {
            response.errorCode = KafkaErrorCode.unsupportedSaslMechanism.rawValue
            return .refuse(.encoding(response, version: request.version))
        }
        phase = .tokens(SaslServer(mechanism, randomness), isBare: request.version == 0)
        return .answer(.encoding(response, version: request.version))
    }

    private static func answer(_ token: [UInt8], _ version: Int16?) -> APIAnswer {
        guard let version else { return .body([token]) }
        return .encoding(
            SaslAuthenticateResponse(errorMessage: nil, authBytes: token),
            version: version
        )
    }

    private static func answer(
        _ code: KafkaErrorCode,
        _ words: String,
        version: Int16
    ) -> APIAnswer {
        .encoding(
            SaslAuthenticateResponse(errorCode: code.rawValue, errorMessage: words),
            version: version
        )
    }
}
