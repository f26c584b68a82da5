/// Outcomes of a group's requests.
extension KafkaErrorCode {
    public static let inconsistentGroupProtocol = Self(rawValue: 23)
    public static let invalidGroupID = Self(rawValue: 24)
    public static let invalidSessionTimeout = Self(rawValue: 26)
    public static let rebalanceInProgress = Self(rawValue: 27)
    public static let groupAuthorizationFailed = Self(rawValue: 30)
    public static let nonEmptyGroup = Self(rawValue: 68)
    public static let groupIDNotFound = Self(rawValue: 69)
    public static let memberIDRequired = Self(rawValue: 79)
    public static let groupMaxSizeReached = Self(rawValue: 81)
    public static let fencedInstanceID = Self(rawValue: 82)
    public static let groupSubscribedToTopic = Self(rawValue: 86)
}
