import KafkaWire

extension APITable {
    /// Topics, options and what tools ask.
    static let administration: [APIEntry] =
        topicAdministration + inquiries + rules + switchedOff + users

    private static let topicAdministration: [APIEntry] = [
        .answering(19, 2...7, flexibleFrom: 5, Checks.createTopics) {
            $0.createTopics($1, $2)
        },
        .answering(20, 1...6, flexibleFrom: 4, Checks.deleteTopics) {
            $0.deleteTopics($1, $2)
        },
        .answering(21, 0...2, flexibleFrom: 2, Checks.deleteRecords) {
            $0.deleteRecords($1, $2)
        },
        .answering(32, 1...4, flexibleFrom: 4, Checks.describeConfigs) {
            $0.describeConfigs($1, $2)
        },
        .answering(33, 0...2, flexibleFrom: 2, Checks.alterConfigs) {
            $0.alterConfigs($1, $2)
        },
        .answering(37, 0...3, flexibleFrom: 2, Checks.createPartitions) {
            $0.createPartitions($1, $2)
        },
        .answering(44, 0...1, flexibleFrom: 1, Checks.incrementalAlterConfigs) {
            $0.incrementalAlterConfigs($1, $2)
        },
        .answering(74, 0...1, flexibleFrom: 0, Checks.listConfigResources) {
            $0.listConfigResources($1, $2)
        },
    ]

    private static let inquiries: [APIEntry] = [
        .answering(27, 1...2, flexibleFrom: 1, Checks.writeTxnMarkers) {
            $0.writeTxnMarkers($1, $2)
        },
        .answering(34, 1...2, flexibleFrom: 2, Checks.alterReplicaLogDirs) {
            $0.alterReplicaLogDirs($1, $2)
        },
        .answering(35, 1...5, flexibleFrom: 2, Checks.describeLogDirs) {
            $0.describeLogDirs($1, $2)
        },
        .answering(55, 0...2, flexibleFrom: 0, Checks.describeQuorum) {
            $0.describeQuorum($1, $2)
        },
        .answering(60, 0...2, flexibleFrom: 0, Checks.describeCluster) {
            $0.describeCluster($1, $2)
        },
        .answering(61, 0...0, flexibleFrom: 0, Checks.describeProducers) {
            $0.describeProducers($1, $2)
        },
        .answering(65, 0...0, flexibleFrom: 0, Checks.describeTransactions) {
            $0.describeTransactions($1, $2)
        },
        .answering(66, 0...2, flexibleFrom: 0, Checks.listTransactions) {
            $0.listTransactions($1, $2)
        },
        .answering(75, 0...0, flexibleFrom: 0, Checks.describeTopicPartitions) {
            $0.describeTopicPartitions($1, $2)
        },
    ]

    private static let rules: [APIEntry] = [
        .answering(29, 1...3, flexibleFrom: 2, Checks.describeAcls) {
            $0.describeAcls($1, $2)
        },
        .waiting(30, 1...3, flexibleFrom: 2, Checks.createAcls) {
            $0.createAcls($1, $2, answer: $3)
        },
        .waiting(31, 1...3, flexibleFrom: 2, Checks.deleteAcls) {
            $0.deleteAcls($1, $2, answer: $3)
        },
    ]

    private static let switchedOff: [APIEntry] = [
        .answering(43, 0...2, flexibleFrom: 2, Checks.electLeaders) {
            $0.electLeaders($1, $2)
        },
        .answering(45, 0...1, flexibleFrom: 0, Checks.alterReassignments) {
            $0.alterPartitionReassignments($1, $2)
        },
        .answering(46, 0...0, flexibleFrom: 0, Checks.listReassignments) {
            $0.listPartitionReassignments($1, $2)
        },
        .answering(48, 0...1, flexibleFrom: 1, Checks.describeQuotas) {
            $0.describeClientQuotas($1, $2)
        },
        .answering(49, 0...1, flexibleFrom: 1, Checks.alterQuotas) {
            $0.alterClientQuotas($1, $2)
        },
    ]

    private static let users: [APIEntry] = [
        .answering(50, 0...0, flexibleFrom: 0, Checks.describeCredentials) {
            $0.describeUserScramCredentials($1, $2)
        },
        .answering(51, 0...0, flexibleFrom: 0, Checks.alterCredentials) {
            $0.alterUserScramCredentials($1, $2)
        },
    ]
}
