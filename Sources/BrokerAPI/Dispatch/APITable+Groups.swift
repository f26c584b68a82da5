extension APITable {
    /// Groups and their positions.
    static let groups: [APIEntry] = [
        .waiting(11, 0...9, flexibleFrom: 6) { $0.joinGroup($1, $2, answer: $3) },
        .waiting(14, 0...5, flexibleFrom: 4) { $0.syncGroup($1, $2, answer: $3) },
        .waiting(12, 0...4, flexibleFrom: 4) { $0.heartbeat($1, $2, answer: $3) },
        .waiting(13, 0...5, flexibleFrom: 4) { $0.leaveGroup($1, $2, answer: $3) },
        .waiting(68, 0...1, flexibleFrom: 0) { $0.consumerGroupHeartbeat($1, $2, answer: $3) },
        .answering(69, 0...1, flexibleFrom: 0) { $0.consumerGroupDescribe($1, $2) },
        .waiting(8, 2...9, flexibleFrom: 8) { $0.offsetCommit($1, $2, answer: $3) },
        .answering(9, 1...9, flexibleFrom: 6) { $0.offsetFetch($1, $2) },
        .answering(47, 0...0, flexibleFrom: 1) { $0.offsetDelete($1, $2) },
        .answering(15, 0...6, flexibleFrom: 5) { $0.describeGroups($1, $2) },
        .answering(16, 0...5, flexibleFrom: 3) { $0.listGroups($1, $2) },
        .answering(42, 0...2, flexibleFrom: 2) { $0.deleteGroups($1, $2) },
    ]
}
