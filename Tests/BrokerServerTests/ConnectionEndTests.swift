import BrokerAPI
import Testing

@testable import BrokerServer

/// What becomes of requests whose connection ends.
@Suite struct ConnectionEndTests {
    private typealias Harness = ConnectionHarness

    private let empty: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 1]

    private func begun(
        _ apiKey: Int16,
        _ number: UInt64,
        _ body: [UInt8] = []
    ) -> Harness.Seen {
        .handled(apiKey: apiKey, number: number, body: body)
    }

    @Test func `what came whole is carried out in order, then the connection ends`() {
        let harness = Harness()
        let frames =
            Harness.frame(Harness.produce) + Harness.frame(Harness.apiVersions)
            + Harness.frame(Harness.joinGroup)
        let torn = Harness.frame(Harness.produce, body: [1, 2, 3]).dropLast()
        #expect(
            harness.receive(frames + torn) == [begun(Harness.produce, 0), .reading(false)]
        )
        #expect(harness.fallSilent().isEmpty)
        #expect(harness.answer(0, with: .none) == [begun(Harness.apiVersions, 1)])
        #expect(harness.answer(1, []) == [.wrote(empty), begun(Harness.joinGroup, 2)])
        #expect(harness.answer(2, []) == [.wrote(empty)])
        #expect(harness.send(8).isEmpty)
        #expect(harness.send(8) == [.closed(nil)])
    }

    @Test func `who reads no more has its requests carried out, and nothing is sent`() {
        let harness = Harness()
        let frames = Harness.frame(Harness.apiVersions) + Harness.frame(Harness.joinGroup)
        _ = harness.receive(Harness.frame(Harness.produce) + frames)
        #expect(harness.answer(0, []) == [.wrote(empty), begun(Harness.apiVersions, 1)])
        #expect(harness.stopReading().isEmpty)
        #expect(harness.machine.unsentByteCount == 0)
        #expect(harness.fallSilent().isEmpty)
        #expect(harness.answer(1, []) == [begun(Harness.joinGroup, 2)])
        #expect(harness.answer(2, []) == [.closed(nil)])
        // What the socket tells of before is of nothing that counts.
        #expect(harness.send(8).isEmpty)
    }

    @Test func `what is read behind a failed write is carried out`() {
        let harness = Harness()
        _ = harness.receive(Harness.frame(Harness.produce))
        _ = harness.answer(0, [])
        #expect(harness.stopReading().isEmpty)
        #expect(
            harness.receive(Harness.frame(Harness.produce)) == [begun(Harness.produce, 1)]
        )
        #expect(harness.fallSilent() == [.reading(false)])
        #expect(harness.answer(1, []) == [.closed(nil)])
    }

    @Test func `a long poll keeps nothing waiting, and none is begun`() {
        let harness = Harness()
        _ = harness.receive(
            Harness.frame(Harness.fetch) + Harness.frame(Harness.produce)
                + Harness.frame(Harness.fetch) + Harness.frame(Harness.apiVersions)
        )
        #expect(harness.fallSilent() == [begun(Harness.produce, 1)])
        // It is answered all the same, to nobody.
        #expect(harness.answer(0, []).isEmpty)
        #expect(harness.answer(1, with: .none) == [begun(Harness.apiVersions, 3)])
        #expect(harness.answer(3, with: .none) == [.closed(nil)])
        let poll = Harness()
        _ = poll.receive(Harness.frame(Harness.fetch))
        #expect(poll.fallSilent() == [.reading(false), .closed(nil)])
    }

    @Test func `a request that will never be whole is not waited for`() {
        let harness = Harness()
        let frame = Harness.frame(Harness.produce, body: [UInt8](repeating: 7, count: 300_000))
        #expect(
            harness.receive(Array(frame.prefix(100_000))) == [.reserved(65_536), .reading(false)]
        )
        #expect(harness.fallSilent() == [.closed(nil)])
        let whole = Harness()
        let short = Harness.frame(Harness.produce, body: [UInt8](repeating: 7, count: 100_000))
        _ = whole.receive(short)
        #expect(whole.fallSilent().isEmpty)
        let seen = whole.grant(65_536)
        guard case .handled(Harness.produce, 0, _) = seen.first else {
            Issue.record("\(seen)")
            return
        }
        #expect(whole.answer(0, with: .none) == [.released(65_536), .closed(nil)])
    }
}
