/// The APIs that are served, by Kafka's number. Each area has its list in a file of its own.
package enum APITable {
    /// The one API that answers whatever version it is asked in.
    package static let apiVersionsKey: Int16 = 18
    /// Those that a connection answers itself until it has said who it is.
    package static let saslHandshakeKey: Int16 = 17
    package static let saslAuthenticateKey: Int16 = 36

    package static let entries: [Int16: APIEntry] = {
        let lists = [basics, records, transactions, groups, administration]
        var entries: [Int16: APIEntry] = [:]
        for entry in lists.joined() {
            precondition(entries[entry.key] == nil, "two handlers for the API \(entry.key)")
            entries[entry.key] = entry
        }
        return entries
    }()
}
