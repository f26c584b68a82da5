extension APITable {
    /// Groups and their positions.
    static let groups: [APIEntry] = [
        .waiting(11, 0...9, flexibleFrom: 6, onlyWaits: true, Checks.joinGroup) {
            $0.joinGroup($1, $2, answer: $3)
        },
        .waiting(14, 0...5, flexibleFrom: 4, Checks.syncGroup) {
            $0.syncGroup($1, $2, answer: $3)
        },
        .waiting(12, 0...4, flexibleFrom: 4, Checks.heartbeat) {
            $0.heartbeat($1, $2, answer: $3)
        },
        .waiting(13, 0...5, flexibleFrom: 4, Checks.leaveGroup) {
            $0.leaveGroup($1, $2, answer: $3)
        },
        .waiting(68, 0...1, flexibleFrom: 0, Checks.consumerGroupHeartbeat) {
            $0.consumerGroupHeartbeat($1, $2, answer: $3)
        },
        .answering(69, 0...1, flexibleFrom: 0, Checks.consumerGroupDescribe) {
            $0.consumerGroupDescribe($1, $2)
        },
        .waiting(8, 2...10, flexibleFrom: 8, Checks.offsetCommit) {
            $0.offsetCommit($1, $2, answer: $3)
        },
        .answering(9, 1...10, flexibleFrom: 6, Checks.offsetFetch) {
            $0.offsetFetch($1, $2)
        },
        .answering(47, 0...0, flexibleFrom: 1, Checks.offsetDelete) {
            $0.offsetDelete($1, $2)
        },
        .answering(15, 0...6, flexibleFrom: 5, Checks.describeGroups) {
            $0.describeGroups($1, $2)
        },
        .answering(16, 0...5, flexibleFrom: 3, Checks.listGroups) {
            $0.listGroups($1, $2)
        },
        .answering(42, 0...2, flexibleFrom: 2, Checks.deleteGroups) {
            $0.deleteGroups($1, $2)
        },
    ]
}
