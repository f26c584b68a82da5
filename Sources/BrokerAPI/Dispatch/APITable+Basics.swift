import KafkaWire

extension APITable {
    /// What every client asks first.
    static let basics: [APIEntry] = [
        APIEntry(key: apiVersionsKey, advertised: 0...4, flexibleFrom: 3) { api, request, answer in
            answer(api.apiVersions(request))
        },
        .answering(3, 0...13, flexibleFrom: 9, Checks.metadata) {
            $0.metadata($1, $2)
        },
        .answering(10, 0...6, flexibleFrom: 3, Checks.findCoordinator) {
            $0.findCoordinator($1, $2)
        },
        .answering(saslHandshakeKey, 0...1, flexibleFrom: .max, .beforeAnybodyIsKnown) {
            $0.saslHandshake($1, $2)
        },
        .answering(saslAuthenticateKey, 0...2, flexibleFrom: 2, .beforeAnybodyIsKnown) {
            $0.saslAuthenticate($1, $2)
        },
    ]
}
