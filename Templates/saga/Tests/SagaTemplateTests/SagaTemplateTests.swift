import Millrace
import MillraceTestKit
import Testing

@testable import SagaTemplate

private let minute: Int64 = 60 * 1000

@Test func `an order that is paid ships`() throws {
    let engine = try TestEngine(SagaTemplate(), partitions: 1)
    try engine.send(Order(cents: 500, time: 0), key: "o-1", to: Topics.orders)
    try engine.send(Payment(time: minute), key: "o-1", to: Topics.payments)
    try engine.run()
    #expect(try engine.read(Topics.commands).map(\.value) == [.reserve, .ship])
}

@Test func `an order that nobody pays is released, and a payment after that is refunded`() throws {
    let engine = try TestEngine(SagaTemplate(), partitions: 1)
    try engine.send(Order(cents: 500, time: 0), key: "o-1", to: Topics.orders)
    try engine.send(Order(cents: 900, time: 15 * minute), key: "o-2", to: Topics.orders)
    try engine.send(Payment(time: 16 * minute), key: "o-1", to: Topics.payments)
    try engine.run()
    let commands = try engine.read(Topics.commands)
    #expect(commands.map(\.key) == ["o-1", "o-2", "o-1", "o-1"])
    #expect(commands.map(\.value) == [.reserve, .reserve, .release, .refund])
}

@Test func `what is told twice is done once, through a crash`() throws {
    let engine = try TestEngine(SagaTemplate(), partitions: 1)
    for _ in 0..<2 {
        try engine.send(Order(cents: 500, time: 0), key: "o-1", to: Topics.orders)
        try engine.run()
        try engine.crash()
    }
    for _ in 0..<2 {
        try engine.send(Payment(time: minute), key: "o-1", to: Topics.payments)
        try engine.process()
        try engine.crash()
        try engine.run()
    }
    #expect(try engine.read(Topics.commands).map(\.value) == [.reserve, .ship])
}

@Test(arguments: [nil, Step.waiting, .paidEarly, .shipped, .cancelled])
func `nothing leads out of the last steps but a refund`(step: Step?) {
    for happening in [Happening.placed, .paid, .timedOut] {
        guard let next = Step.after(step, happening) else { continue }
        #expect(step != .shipped)
        #expect(step != .cancelled || next.command == .refund)
    }
}
