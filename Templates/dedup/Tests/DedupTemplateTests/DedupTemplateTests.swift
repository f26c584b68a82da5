import Millrace
import MillraceTestKit
import Testing

@testable import DedupTemplate

private let hour: Int64 = 60 * 60 * 1000

@Test func `a payment that comes again within a day is left out`() throws {
    let engine = try TestEngine(DedupTemplate())
    for time in [0, hour, 24 * hour] {
        let payment = Payment(id: "p-1", cents: 500, time: time)
        try engine.send(payment, key: "alice", to: Topics.payments)
    }
    try engine.run()
    #expect(try engine.read(Topics.unique).map(\.value.time) == [0])
    #expect(engine.droppedCount(.duplicate) == 2)
}

@Test func `an id is forgotten after a day`() throws {
    let engine = try TestEngine(DedupTemplate())
    for time in [0, 25 * hour] {
        let payment = Payment(id: "p-1", cents: 500, time: time)
        try engine.send(payment, key: "alice", to: Topics.payments)
    }
    try engine.run()
    #expect(try engine.read(Topics.unique).map(\.value.time) == [0, 25 * hour])
}

@Test func `what was seen outlives a crash`() throws {
    let engine = try TestEngine(DedupTemplate())
    let payment = Payment(id: "p-1", cents: 500, time: 0)
    try engine.send(payment, key: "alice", to: Topics.payments)
    try engine.run()
    try engine.crash()
    try engine.send(payment, key: "alice", to: Topics.payments)
    try engine.run()
    #expect(try engine.read(Topics.unique).map(\.value) == [payment])
}
