package import LogModel

/// Kafka's outcomes as a client sees them.
extension KafkaErrorCode {
    static let leaderNotAvailable = Self(rawValue: 5)
    static let requestTimedOut = Self(rawValue: 7)
    static let networkException = Self(rawValue: 13)
    static let notEnoughReplicas = Self(rawValue: 19)
    static let notEnoughReplicasAfterAppend = Self(rawValue: 20)
    static let notController = Self(rawValue: 41)

    /// Whether the same request may succeed after a moment.
    package var isRetriable: Bool { Self.retriable.contains(self) }

    /// Whether another node is to be asked: what is known of the cluster is out of date.
    package var isMisdirected: Bool { Self.misdirected.contains(self) }

    private static let misdirected: Set<KafkaErrorCode> = [
        .leaderNotAvailable, .notLeaderOrFollower, .notCoordinator, .notController,
        .coordinatorNotAvailable, .fencedLeaderEpoch, .unknownLeaderEpoch,
    ]

    private static let retriable = misdirected.union([
        .requestTimedOut, .networkException, .notEnoughReplicas, .notEnoughReplicasAfterAppend,
        .coordinatorLoadInProgress, .concurrentTransactions, .unstableOffsetCommit,
        .kafkaStorageError,
    ])

    /// The name that Kafka's documentation has.
    package var kafkaName: String { Self.names[rawValue] ?? "Kafka's error \(rawValue)" }

    private static let names: [Int16: String] = [
        -1: "UNKNOWN_SERVER_ERROR", 0: "NONE", 1: "OFFSET_OUT_OF_RANGE", 2: "CORRUPT_MESSAGE",
        3: "UNKNOWN_TOPIC_OR_PARTITION", 4: "INVALID_FETCH_SIZE", 5: "LEADER_NOT_AVAILABLE",
        6: "NOT_LEADER_OR_FOLLOWER", 7: "REQUEST_TIMED_OUT", 8: "BROKER_NOT_AVAILABLE",
        9: "REPLICA_NOT_AVAILABLE", 10: "MESSAGE_TOO_LARGE", 11: "STALE_CONTROLLER_EPOCH",
        12: "OFFSET_METADATA_TOO_LARGE", 13: "NETWORK_EXCEPTION",
        14: "COORDINATOR_LOAD_IN_PROGRESS", 15: "COORDINATOR_NOT_AVAILABLE",
        16: "NOT_COORDINATOR", 17: "INVALID_TOPIC_EXCEPTION", 18: "RECORD_LIST_TOO_LARGE",
        19: "NOT_ENOUGH_REPLICAS", 20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        21: "INVALID_REQUIRED_ACKS", 22: "ILLEGAL_GENERATION", 23: "INCONSISTENT_GROUP_PROTOCOL",
        24: "INVALID_GROUP_ID", 25: "UNKNOWN_MEMBER_ID", 26: "INVALID_SESSION_TIMEOUT",
        27: "REBALANCE_IN_PROGRESS", 28: "INVALID_COMMIT_OFFSET_SIZE",
        29: "TOPIC_AUTHORIZATION_FAILED", 30: "GROUP_AUTHORIZATION_FAILED",
        31: "CLUSTER_AUTHORIZATION_FAILED", 32: "INVALID_TIMESTAMP",
        33: "UNSUPPORTED_SASL_MECHANISM", 34: "ILLEGAL_SASL_STATE", 35: "UNSUPPORTED_VERSION",
        36: "TOPIC_ALREADY_EXISTS", 37: "INVALID_PARTITIONS", 38: "INVALID_REPLICATION_FACTOR",
        39: "INVALID_REPLICA_ASSIGNMENT", 40: "INVALID_CONFIG", 41: "NOT_CONTROLLER",
        42: "INVALID_REQUEST", 43: "UNSUPPORTED_FOR_MESSAGE_FORMAT", 44: "POLICY_VIOLATION",
        45: "OUT_OF_ORDER_SEQUENCE_NUMBER", 46: "DUPLICATE_SEQUENCE_NUMBER",
        47: "INVALID_PRODUCER_EPOCH", 48: "INVALID_TXN_STATE", 49: "INVALID_PRODUCER_ID_MAPPING",
        50: "INVALID_TRANSACTION_TIMEOUT", 51: "CONCURRENT_TRANSACTIONS",
        52: "TRANSACTION_COORDINATOR_FENCED", 53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        54: "SECURITY_DISABLED", 55: "OPERATION_NOT_ATTEMPTED", 56: "KAFKA_STORAGE_ERROR",
        58: "SASL_AUTHENTICATION_FAILED", 59: "UNKNOWN_PRODUCER_ID",
        68: "NON_EMPTY_GROUP", 69: "GROUP_ID_NOT_FOUND", 73: "TOPIC_DELETION_DISABLED",
        74: "FENCED_LEADER_EPOCH", 75: "UNKNOWN_LEADER_EPOCH",
        76: "UNSUPPORTED_COMPRESSION_TYPE", 79: "MEMBER_ID_REQUIRED",
        81: "GROUP_MAX_SIZE_REACHED", 82: "FENCED_INSTANCE_ID", 86: "GROUP_SUBSCRIBED_TO_TOPIC",
        87: "INVALID_RECORD", 88: "UNSTABLE_OFFSET_COMMIT", 89: "THROTTLING_QUOTA_EXCEEDED",
        90: "PRODUCER_FENCED", 91: "RESOURCE_NOT_FOUND", 100: "UNKNOWN_TOPIC_ID",
        103: "INCONSISTENT_TOPIC_ID", 105: "TRANSACTIONAL_ID_NOT_FOUND",
        110: "FENCED_MEMBER_EPOCH", 111: "UNRELEASED_INSTANCE_ID",
        112: "UNSUPPORTED_ASSIGNOR", 113: "STALE_MEMBER_EPOCH", 120: "TRANSACTION_ABORTABLE",
    ]
}
