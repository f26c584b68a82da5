/// How a listener is spoken to, by Kafka's names.
package enum SecurityProtocol: String, CaseIterable, Sendable {
    case plaintext = "PLAINTEXT"
    case ssl = "SSL"
    case saslPlaintext = "SASL_PLAINTEXT"
    case saslSSL = "SASL_SSL"

    /// Whether the bytes are encrypted.
    package var usesTLS: Bool { self == .ssl || self == .saslSSL }

    /// Whether who connects has to say who it is before anything else.
    package var usesSASL: Bool { self == .saslPlaintext || self == .saslSSL }

    /// Those that there are, for a person.
    package static let names = allCases.map(\.rawValue).joined(separator: ", ")
}
