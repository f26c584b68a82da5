import Millrace
import MillraceTestKit
import Testing

@testable import DlqTemplate

/// The same topic, for a sender who writes what he likes.
private let texts = Topic("payments", key: .utf8, value: .utf8)

/// Where the virtual clock begins: retention would take older records.
private let start = Duration.seconds(1_767_225_600)

@Test func `a payment that is in order has a receipt`() throws {
    let engine = try TestEngine(DlqTemplate())
    try engine.send(Payment(cents: 1250), key: "alice", to: Topics.payments)
    try engine.run()
    #expect(try engine.read(Topics.receipts).map(\.value) == [Receipt(cents: 1250, fee: 12)])
}

@Test func `what is no payment is a dead letter, as it came`() throws {
    let engine = try TestEngine(DlqTemplate())
    try engine.send("twelve", key: "alice", to: texts)
    try engine.send(Payment(cents: 300), key: "alice", to: Topics.payments)
    try engine.run()
    let letters = try engine.readDeadLetters()
    #expect(letters.map(\.value) == [Array("twelve".utf8)])
    #expect(letters.first?.headers[DeadLetterHeader.reason] == "decode")
    #expect(try engine.read(Topics.receipts).map(\.value.cents) == [300])
}

@Test func `a refused payment is tried three times, then it is a dead letter`() throws {
    let engine = try TestEngine(DlqTemplate())
    try engine.send(Payment(cents: -5), key: "alice", to: Topics.payments, at: start)
    try engine.run()
    #expect(try engine.readDeadLetters().isEmpty)
    for _ in 0..<3 { try engine.advance(by: .seconds(1)) }
    let letters = try engine.readDeadLetters()
    #expect(letters.map { $0.headers[DeadLetterHeader.attempts] } == ["3"])
    #expect(letters.map { $0.headers[DeadLetterHeader.reason] } == ["refused-payment"])
}
