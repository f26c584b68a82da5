import Millrace
import MillraceTestKit
import Testing

/// The examples of docs/guide/errors.md.
@Suite struct ErrorExamples {
    struct Receipt: Codable, Equatable, Sendable {
        var cents: Int64
    }

    static let receipts = Topic("receipts", key: .utf8, value: Receipt.self)

    // begin: errors-reason
    struct Refused: DeadLetterReason, CustomStringConvertible {
        var description: String
        var deadLetterReason: String { "refused" }
    }

    @Sendable
    static func charge(_ order: Order) throws -> Receipt {
        guard order.cents > 0 else { throw Refused(description: "\(order.id) costs nothing") }
        return Receipt(cents: order.cents)
    }
    // end: errors-reason

    // begin: errors-job
    struct Charges: StreamJob {
        static let name = "charges"

        var errorPolicies: ErrorPolicies { ErrorPolicies(decode: .deadLetter) }

        var topology: [Statement] {
            stream(Topics.orders)
                .mapValues(to: Receipt.self, charge)
                .onError(
                    .deadLetter(
                        retry: .exponential(from: .milliseconds(100), attempts: 4),
                        ordering: .holdKey
                    )
                )
                .to(receipts)
        }
    }
    // end: errors-job

    // begin: errors-test
    @Test func `an order that stays refused is a dead letter, and so are its successors`() throws {
        let engine = try TestEngine(Charges(), partitions: 1)
        let start = Duration.seconds(1_767_225_600)
        for cents: Int64 in [0, 700] {
            let order = Order.example("o-1", cents: cents)
            try engine.send(order, key: "o-1", to: Topics.orders, at: start)
        }
        for _ in 0..<4 { try engine.advance(by: .seconds(1)) }
        let letters = try engine.readDeadLetters()
        let reasons = letters.map { $0.headers[DeadLetterHeader.reason] }
        #expect(reasons == ["refused", "held"])
        #expect(letters.first?.headers[DeadLetterHeader.attempts] == "4")
        #expect(try engine.read(Self.receipts).isEmpty)
    }
    // end: errors-test
}
