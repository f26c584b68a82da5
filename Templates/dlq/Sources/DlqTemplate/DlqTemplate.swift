import Millrace

/// A payment as it is asked for.
struct Payment: Codable, Sendable {
    var cents: Int64
}

/// A payment that was made.
struct Receipt: Codable, Equatable, Sendable {
    var cents: Int64
    var fee: Int64
}

/// Why a payment is not made; the reason stands in the headers of its dead letter.
struct Refusal: DeadLetterReason, CustomStringConvertible {
    var description: String
    var deadLetterReason: String { "refused-payment" }
}

enum Topics {
    static let payments = Topic("payments", key: .utf8, value: Payment.self)
    static let receipts = Topic("dlq-template-receipts", key: .utf8, value: Receipt.self)
}

@main
struct DlqTemplate: StreamJob {
    static let name = "dlq-template"

    /// What cannot be read goes to the dead letters as it came; trying again would not help.
    var errorPolicies: ErrorPolicies { ErrorPolicies(decode: .deadLetter) }

    var topology: [Statement] {
        stream(Topics.payments)
            .mapValues(to: Receipt.self, receipt)
            .onError(.deadLetter(retry: .exponential(from: .milliseconds(50), attempts: 3)))
            .to(Topics.receipts)
    }
}

@Sendable
func receipt(for payment: Payment) throws -> Receipt {
    guard payment.cents > 0 else { throw Refusal(description: "nothing is to be paid") }
    return Receipt(cents: payment.cents, fee: payment.cents / 100)
}
