/// What is kept of a password: enough to check one, and to prove that it is known here, without
/// being one (RFC 5802).
package struct ScramCredential: Equatable, Sendable {
    package let mechanism: ScramMechanism
    package let salt: [UInt8]
    package let storedKey: [UInt8]
    package let serverKey: [UInt8]
    package let iterations: Int32

    /// Kafka's bounds of the rounds: fewer are guessed too fast, more are work for whoever asks.
    package static let iterationRange: ClosedRange<Int32> = 4096...16_384
    /// Bounds of what is kept.
    package static let saltByteLimit = 256
    static let newSaltByteCount = 32

    /// Nil for keys that are not the mechanism's, and for rounds and salts out of bounds.
    package init?(
        mechanism: ScramMechanism,
        salt: [UInt8],
        storedKey: [UInt8],
        serverKey: [UInt8],
        iterations: Int32
    ) {
        guard storedKey.count == mechanism.keyByteCount, serverKey.count == storedKey.count,
            Self.isPossible(salt, iterations)
        else { return nil }
        self.mechanism = mechanism
        self.salt = salt
        self.storedKey = storedKey
        self.serverKey = serverKey
        self.iterations = iterations
    }

    /// From what a client has made of the password, as Kafka's administrators send it.
    package init?(
        mechanism: ScramMechanism,
        salt: [UInt8],
        saltedPassword: [UInt8],
        iterations: Int32
    ) {
        guard saltedPassword.count == mechanism.keyByteCount, Self.isPossible(salt, iterations)
        else { return nil }
        let keys = ScramKeys(mechanism, saltedPassword: saltedPassword)
        self.mechanism = mechanism
        self.salt = salt
        storedKey = keys.storedKey
        serverKey = keys.serverKey
        self.iterations = iterations
    }

    private static func isPossible(_ salt: [UInt8], _ iterations: Int32) -> Bool {
        !salt.isEmpty && salt.count <= saltByteLimit && iterationRange.contains(iterations)
    }

    /// Whether it was made of this password.
    func matches(password: [UInt8]) -> Bool {
        let salted = SaltedPassword(mechanism, password: password, salt: salt, iterations)
        let keys = ScramKeys(mechanism, saltedPassword: salted.bytes)
        return Cryptography.areEqual(keys.storedKey, storedKey)
    }

    /// A credential that no password matches: its keys were made of none.
    static func decoy(
        _ mechanism: ScramMechanism,
        salt: [UInt8],
        storedKey: [UInt8],
        serverKey: [UInt8],
        iterations: Int32
    ) -> ScramCredential {
        let decoy = ScramCredential(
            mechanism: mechanism,
            salt: salt,
            storedKey: storedKey,
            serverKey: serverKey,
            iterations: iterations
        )
        guard let decoy else { preconditionFailure("a decoy is within the bounds") }
        return decoy
    }
}

/// A password after its rounds: what Kafka's administrators send instead of it.
package struct SaltedPassword: Sendable {
    package let salt: [UInt8]
    package let iterations: Int32
    package let bytes: [UInt8]

    /// With a salt that nobody had before.
    package init(
        _ mechanism: ScramMechanism,
        password: [UInt8],
        salt: [UInt8] = Cryptography.randomBytes(ScramCredential.newSaltByteCount),
        _ iterations: Int32 = ScramCredential.iterationRange.lowerBound
    ) {
        self.salt = salt
        self.iterations = iterations
        bytes = Cryptography.deriveKey(
            mechanism.hash,
            password: password,
            salt: salt,
            iterations: iterations
        )
    }
}

/// The keys of a salted password.
struct ScramKeys {
    let clientKey: [UInt8]
    let storedKey: [UInt8]
    let serverKey: [UInt8]

    init(_ mechanism: ScramMechanism, saltedPassword: [UInt8]) {
        let hash = mechanism.hash
        clientKey = Cryptography.authenticationCode(
            hash,
            key: saltedPassword,
            Array("Client Key".utf8)
        )
        storedKey = Cryptography.digest(hash, clientKey)
        serverKey = Cryptography.authenticationCode(
            hash,
            key: saltedPassword,
            Array("Server Key".utf8)
        )
    }
}
