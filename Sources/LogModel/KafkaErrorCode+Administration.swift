/// Outcomes of what administrators ask.
extension KafkaErrorCode {
    public static let invalidReplicationFactor = Self(rawValue: 38)
    public static let invalidReplicaAssignment = Self(rawValue: 39)
    public static let policyViolation = Self(rawValue: 44)
    public static let securityDisabled = Self(rawValue: 54)
    public static let electionNotNeeded = Self(rawValue: 84)
    public static let noReassignmentInProgress = Self(rawValue: 85)
    public static let resourceNotFound = Self(rawValue: 91)
    public static let transactionalIDNotFound = Self(rawValue: 105)
    public static let mismatchedEndpointType = Self(rawValue: 114)
    public static let unsupportedEndpointType = Self(rawValue: 115)
}
