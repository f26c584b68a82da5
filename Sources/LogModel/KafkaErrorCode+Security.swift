/// Outcomes of saying who one is, and of changing who may.
extension KafkaErrorCode {
    public static let unsupportedSaslMechanism = Self(rawValue: 33)
    public static let illegalSaslState = Self(rawValue: 34)
    public static let saslAuthenticationFailed = Self(rawValue: 58)
    public static let duplicateResource = Self(rawValue: 92)
    public static let unacceptableCredential = Self(rawValue: 93)
}
