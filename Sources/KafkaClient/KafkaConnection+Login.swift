package import KafkaWire
import LogModel
import Security

extension SaslHandshakeRequest: KafkaRequest {
    package typealias Response = SaslHandshakeResponse
    package static let api = WireAPI.known(17)
    // In version 0 the tokens travel without headers.
    package static let usedVersions: ClosedRange<Int16> = 1...1
}

extension SaslAuthenticateRequest: KafkaRequest {
    package typealias Response = SaslAuthenticateResponse
    package static let api = WireAPI.known(36)
}

extension KafkaConnection {
    /// Says who this is, and has the other end prove that it knows.
    func logIn(
        _ login: ClientSecurity.Login,
        patience: Duration
    ) throws(KafkaClientError) {
        let mechanism = login.mechanism.rawValue
        let handshake = try ask(patience: patience) { _ in
            SaslHandshakeRequest(mechanism: mechanism)
        }
        try check(handshake.errorCode, Self.words(of: handshake.mechanisms, not: mechanism))
        var client = SaslClient(login.mechanism, user: login.user, password: login.password)
        var token = client.begin()
        while true {
            let said = token
            let answer = try ask(patience: patience) { _ in
                SaslAuthenticateRequest(authBytes: said)
            }
            try check(answer.errorCode, answer.errorMessage ?? "")
            do throws(SaslClient.Failure) {
                switch try client.received(answer.authBytes) {
                case .done: return
                case .say(let next): token = next
                }
            } catch { throw .untrusted(address, error.words) }
        }
    }

    private static func words(of offered: [String], not mechanism: String) -> String {
        offered.isEmpty
            ? "it takes no login by SASL, and \(mechanism) was asked for"
            : "it offers \(offered.joined(separator: ", ")) and not \(mechanism)"
    }

    private func check(_ code: Int16, _ words: String) throws(KafkaClientError) {
        let code = KafkaErrorCode(rawValue: code)
        guard code != .none else { return }
        throw .refused(code, about: "the login", words)
    }
}
