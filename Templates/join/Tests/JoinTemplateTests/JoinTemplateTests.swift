import Millrace
import MillraceTestKit
import Testing

@testable import JoinTemplate

private let ada = Customer(name: "Ada", tier: "silver")

@Test func `an order gets its customer as the table has it then`() throws {
    let engine = try TestEngine(JoinTemplate())
    try engine.send(ada, key: "c-1", to: Topics.customers)
    try engine.run()
    try engine.send(Order(id: "o-1", customer: "c-1", cents: 500), to: Topics.orders)
    try engine.run()
    try engine.send(Customer(name: "Ada", tier: "gold"), key: "c-1", to: Topics.customers)
    try engine.run()
    try engine.send(Order(id: "o-2", customer: "c-1", cents: 700), to: Topics.orders)
    try engine.run()
    #expect(
        try engine.read(Topics.enriched).map(\.value) == [
            EnrichedOrder(id: "o-1", cents: 500, name: "Ada", tier: "silver"),
            EnrichedOrder(id: "o-2", cents: 700, name: "Ada", tier: "gold"),
        ]
    )
}

@Test func `an order of an unknown customer goes on without one`() throws {
    let engine = try TestEngine(JoinTemplate())
    try engine.send(Order(id: "o-1", customer: "c-9", cents: 500), to: Topics.orders)
    try engine.run()
    #expect(
        try engine.read(Topics.enriched).map(\.value) == [
            EnrichedOrder(id: "o-1", cents: 500, name: nil, tier: nil)
        ]
    )
}

@Test func `a crash keeps the table and repeats no order`() throws {
    let engine = try TestEngine(JoinTemplate())
    try engine.send(ada, key: "c-1", to: Topics.customers)
    try engine.run()
    try engine.send(Order(id: "o-1", customer: "c-1", cents: 500), to: Topics.orders)
    try engine.process()
    try engine.crash()
    try engine.run()
    #expect(try engine.read(Topics.enriched).map(\.value.tier) == ["silver"])
}
