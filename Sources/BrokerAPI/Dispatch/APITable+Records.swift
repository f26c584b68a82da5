import KafkaWire

extension APITable {
    /// Records in and out.
    static let records: [APIEntry] = [
        // Old clients compress only where the minimum reads 0; nobody can send less than 3.
        APIEntry(
            key: 0,
            advertised: 0...13,
            served: 3...13,
            flexibleFrom: 9,
            canOverlap: true
        ) { api, request, answer in
            api.produce(request, complete: answer)
        },
        .waiting(1, 4...18, flexibleFrom: 12, onlyWaits: true, .byHandler) {
            $0.fetch($1, $2, complete: $3)
        },
        .answering(2, 1...11, flexibleFrom: 6, Checks.listOffsets) {
            $0.listOffsets($1, $2)
        },
        .answering(23, 2...4, flexibleFrom: 4, Checks.offsetForLeaderEpoch) {
            $0.offsetForLeaderEpoch($1, $2)
        },
    ]
}
