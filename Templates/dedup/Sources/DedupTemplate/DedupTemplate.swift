import Millrace

/// A payment, which whoever sends it may send again.
struct Payment: Codable, Equatable, Sendable {
    /// The same for every copy.
    var id: String
    var cents: Int64
    /// When it was made, in milliseconds since 1970.
    var time: Int64
}

enum Topics {
    /// Payments by account, so that the copies of one lie in one partition.
    static let payments = Topic("payments", key: .utf8, value: Payment.self)
    static let unique = Topic("dedup-template-unique", key: .utf8, value: Payment.self)
}

@main
struct DedupTemplate: StreamJob {
    static let name = "dedup-template"

    var topology: [Statement] {
        stream(Topics.payments, timestamp: { payment -> Timestamp in Timestamp(payment.time) })
            .deduplicated(by: \.id, within: .seconds(24 * 60 * 60), store: "seen-payments")
            .to(Topics.unique)
    }
}
