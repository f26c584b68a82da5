/// How somebody says who it is, by the registered names.
package enum SaslMechanism: String, CaseIterable, Sendable {
    case scramSHA256 = "SCRAM-SHA-256"
    case scramSHA512 = "SCRAM-SHA-512"
    case plain = "PLAIN"

    /// The one of SCRAM; nil for another.
    package var scram: ScramMechanism? {
        switch self {
        case .scramSHA256: .sha256
        case .scramSHA512: .sha512
        case .plain: nil
        }
    }

    /// Those that there are, for a person.
    package static let names = allCases.map(\.rawValue).joined(separator: ", ")
}

/// The mechanisms of which a credential is kept, by Kafka's numbers.
package enum ScramMechanism: UInt8, CaseIterable, Comparable, Sendable {
    case sha256 = 1
    case sha512 = 2

    package var name: String {
        switch self {
        case .sha256: SaslMechanism.scramSHA256.rawValue
        case .sha512: SaslMechanism.scramSHA512.rawValue
        }
    }

    var hash: HashFunction {
        switch self {
        case .sha256: .sha256
        case .sha512: .sha512
        }
    }

    /// Of a salted password, and of each key.
    package var keyByteCount: Int { hash.byteCount }

    package static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}
