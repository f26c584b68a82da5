/// PLAIN (RFC 4616): `authzid NUL user NUL password`. The password is checked against the user's
/// SCRAM credential, so that no password is kept.
enum PlainServer {
    static func step(
        _ token: [UInt8],
        _ secret: [UInt8],
        _ shapes: ScramShapes,
        _ lookUp: SaslServer.LookUp
    ) -> SaslServer.Step {
        let parts = token.split(separator: 0, omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            return .failed("Invalid SASL/PLAIN response: expected 3 tokens, got \(parts.count)")
        }
        guard let authorizationID = String(validating: parts[0], as: UTF8.self),
            let user = String(validating: parts[1], as: UTF8.self)
        else { return .failed(refusal) }
        guard !user.isEmpty else { return .failed("Authentication failed: username not specified") }
        guard !parts[2].isEmpty else {
            return .failed("Authentication failed: password not specified")
        }
        guard authorizationID.isEmpty || parts[0] == parts[1] else {
            return .failed(
                "Authentication failed: Client requested an authorization id that is different "
                    + "from username"
            )
        }
        let known: ScramCredential? = SaslServer.plainOrder.reduce(nil) { $0 ?? lookUp(user, $1) }
        // As much work for somebody unknown.
        let credential = known ?? shapes.decoy(nil, user: user, secret: secret)
        let matches = credential.matches(password: Array(parts[2]))
        return matches && known != nil ? .authenticated(user: user, []) : .failed(refusal)
    }

    private static let refusal = "Authentication failed: Invalid username or password"
}
