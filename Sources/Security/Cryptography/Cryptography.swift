import COpenSSL

/// What OpenSSL computes, on arrays of bytes.
package enum Cryptography {
    /// A keyed hash.
    static func authenticationCode(
        _ hash: HashFunction,
        key: [UInt8],
        _ message: [UInt8]
    ) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: hash.byteCount)
        var count: UInt32 = 0
        let done = HMAC(
            hash.algorithm,
            key,
            Int32(clamping: key.count),
            message,
            message.count,
            &code,
            &count
        )
        precondition(done != nil && Int(count) == hash.byteCount, "OpenSSL has no HMAC")
        return code
    }

    /// SHA-256, of 32 bytes.
    package static func sha256(_ message: [UInt8]) -> [UInt8] { digest(.sha256, message) }

    static func digest(_ hash: HashFunction, _ message: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: hash.byteCount)
        var count: UInt32 = 0
        let done = EVP_Digest(message, message.count, &digest, &count, hash.algorithm, nil)
        precondition(done == 1 && Int(count) == hash.byteCount, "OpenSSL has no digest")
        return digest
    }

    /// PBKDF2: a key from a password, by so many rounds.
    static func deriveKey(
        _ hash: HashFunction,
        password: [UInt8],
        salt: [UInt8],
        iterations: Int32
    ) -> [UInt8] {
        precondition(iterations > 0, "a key is derived by rounds")
        var key = [UInt8](repeating: 0, count: hash.byteCount)
        let done = password.withUnsafeBytes { password in
            PKCS5_PBKDF2_HMAC(
                password.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(clamping: password.count),
                salt,
                Int32(clamping: salt.count),
                iterations,
                hash.algorithm,
                Int32(hash.byteCount),
                &key
            )
        }
        precondition(done == 1, "OpenSSL has no PBKDF2")
        return key
    }

    /// Whether two secrets are the same, in a time that does not tell where they differ.
    package static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
    }

    /// Bytes that nobody can guess.
    package static func randomBytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let done = RAND_bytes(&bytes, Int32(clamping: count))
        precondition(done == 1, "the system has no random numbers")
        return bytes
    }
}

/// The hash functions of the mechanisms.
enum HashFunction: Sendable {
    case sha256
    case sha512

    var byteCount: Int {
        switch self {
        case .sha256: 32
        case .sha512: 64
        }
    }

    fileprivate var algorithm: OpaquePointer? {
        switch self {
        case .sha256: EVP_sha256()
        case .sha512: EVP_sha512()
        }
    }
}
