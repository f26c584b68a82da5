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

    // Of the groups whose partitions the broker assigns (KIP-848).
    public static let fencedMemberEpoch = Self(rawValue: 110)
    public static let unreleasedInstanceID = Self(rawValue: 111)
    public static let unsupportedAssignor = Self(rawValue: 112)
    public static let staleMemberEpoch = Self(rawValue: 113)
    public static let invalidRegularExpression = Self(rawValue: 128)
}
