/// Outcomes of requests that only clients on the wire see.
extension KafkaErrorCode {
    public static let notLeaderOrFollower = Self(rawValue: 6)
    public static let notCoordinator = Self(rawValue: 16)
    public static let invalidRequiredAcks = Self(rawValue: 21)
    public static let topicAuthorizationFailed = Self(rawValue: 29)
    public static let unsupportedVersion = Self(rawValue: 35)
    public static let transactionalIDAuthorizationFailed = Self(rawValue: 53)
    public static let fetchSessionIDNotFound = Self(rawValue: 70)
    public static let invalidFetchSessionEpoch = Self(rawValue: 71)
    public static let fencedLeaderEpoch = Self(rawValue: 74)
    public static let unknownLeaderEpoch = Self(rawValue: 75)
    public static let unknownTopicID = Self(rawValue: 100)
    public static let fetchSessionTopicIDError = Self(rawValue: 106)
}
