import BrokerAPI
import Testing

@testable import BrokerServer

@Suite struct ConnectionLimitTests {
    private typealias Harness = ConnectionHarness

    @Test func `memory is asked for as bytes come, as much again as there are`() {
        let harness = Harness()
        let body = [UInt8](repeating: 7, count: 300_000)
        let frame = Harness.frame(Harness.produce, body: body)
        #expect(harness.receive(Array(frame.prefix(4))).isEmpty)
        #expect(
            harness.receive(Array(frame[4..<100_000])) == [.reserved(65_536), .reading(false)]
        )
        #expect(harness.machine.grantedByteCount == 0)
        #expect(harness.grant(65_536) == [.reading(true)])
        #expect(
            harness.receive(Array(frame[100_000...])) == [.reserved(131_072), .reading(false)]
        )
        #expect(harness.grant(131_072) == [.reserved(37_867)])
        #expect(
            harness.grant(37_867) == [
                .handled(apiKey: Harness.produce, number: 0, body: body), .reading(true),
            ]
        )
        #expect(harness.machine.grantedByteCount == 234_475)
        #expect(harness.answer(0, with: .none) == [.released(234_475)])
        #expect(harness.machine.grantedByteCount == 0)
    }

    @Test func `who holds memory and sends no more is ended where others wait, and only there`() {
        let harness = Harness()
        let frame = Harness.frame(Harness.produce, body: [UInt8](repeating: 7, count: 300_000))
        _ = harness.receive(Array(frame.prefix(100_000)))
        // For the first memory anybody waits as long as it takes.
        #expect(harness.overdue(afterSeconds: 61, isCrowded: true) == nil)
        _ = harness.grant(65_536)
        #expect(harness.overdue(afterSeconds: 4, isCrowded: true) == nil)
        #expect(harness.overdue(afterSeconds: 6) == nil)
        #expect(harness.overdue(afterSeconds: 6, isCrowded: true) == .slowWriter)
        _ = harness.receive(Array(frame[100_000..<200_000]))
        #expect(harness.overdue(afterSeconds: 61) == nil)
        #expect(harness.overdue(afterSeconds: 6, isCrowded: true) == .slowWriter)
    }

    @Test func `memory that comes too late is given back`() {
        let harness = Harness()
        _ = harness.receive(
            Array(
                Harness.frame(Harness.produce, body: [UInt8](repeating: 7, count: 200_000))
                    .prefix(100_000)
            )
        )
        harness.machine.ended()
        #expect(harness.grant(65_536) == [.released(65_536)])
    }

    @Test func `nothing begins while the other end reads nothing`() {
        let harness = Harness { $0.unreadByteCount = 10 }
        _ = harness.receive(Harness.frame(Harness.fetch))
        _ = harness.answer(0, [UInt8](repeating: 0, count: 100))
        #expect(harness.receive(Harness.frame(Harness.fetch)) == [.reading(false)])
        #expect(
            harness.send(100) == [
                .handled(apiKey: Harness.fetch, number: 1, body: []), .reading(true),
            ]
        )
        #expect(harness.overdue(afterSeconds: 29) == nil)
        #expect(harness.overdue(afterSeconds: 31) == .slowReader)
    }

    @Test func `where all answers hold too much, who has not read his gets no other`() {
        let harness = Harness()
        harness.machine.isCrowded = true
        _ = harness.receive(Harness.frame(Harness.fetch))
        _ = harness.answer(0, [UInt8](repeating: 0, count: 100))
        #expect(harness.receive(Harness.frame(Harness.fetch)) == [.reading(false)])
        #expect(harness.overdue(afterSeconds: 9) == nil)
        #expect(harness.overdue(afterSeconds: 11) == .slowReader)
        harness.machine.isCrowded = false
        #expect(harness.overdue(afterSeconds: 11) == nil)
        #expect(
            harness.send(1) == [
                .handled(apiKey: Harness.fetch, number: 1, body: []), .reading(true),
            ]
        )
    }

    @Test func `a byte now and again keeps no memory where all answers hold too much`() {
        let harness = Harness { $0.crowdedReaderByteCount = 50 }
        harness.machine.isCrowded = true
        _ = harness.receive(Harness.frame(Harness.fetch))
        _ = harness.answer(0, [UInt8](repeating: 0, count: 1000))
        for seconds: UInt64 in [9, 18, 27, 36] {
            harness.now = seconds * 1_000_000_000
            _ = harness.send(10)
        }
        #expect(harness.overdue(afterSeconds: 37) == .slowReader)
        harness.machine.isCrowded = false
        #expect(harness.overdue(afterSeconds: 37) == nil)
        harness.machine.isCrowded = true
        _ = harness.send(10)
        #expect(harness.overdue(afterSeconds: 45) == nil)
    }

    @Test func `a request that never becomes whole is ended, sooner where others wait`() {
        let harness = Harness()
        _ = harness.receive([0, 0, 0, 50, 0])
        #expect(harness.overdue(afterSeconds: 59) == nil)
        #expect(harness.overdue(afterSeconds: 61) == .slowWriter)
        #expect(harness.overdue(afterSeconds: 6, isCrowded: true) == .slowWriter)
    }

    @Test func `a connection without requests is ended, one that waits for an answer is not`() {
        let harness = Harness()
        #expect(harness.overdue(afterSeconds: 599) == nil)
        #expect(harness.overdue(afterSeconds: 601) == .idle)
        _ = harness.receive(Harness.frame(Harness.joinGroup))
        #expect(harness.overdue(afterSeconds: 601) == nil)
    }

    @Test func `who finds no memory waits for his turn, but for one, who goes on in any case`() {
        var budget = MemoryBudget(byteCount: 100)
        // The fourth asks for little, and does not overtake.
        let isGranted = [(60, 1), (50, 2), (50, 3), (10, 4), (70, 2)]
            .map { budget.reserve($0, for: $1) }
        #expect(isGranted == [true, true, false, false, true])
        #expect(budget.isCrowded)
        #expect(budget.usedByteCount == 180)
        #expect(budget.release(60, of: 1).isEmpty)
        // There is room for the next; the one behind it goes on in any case now.
        let granted = budget.release(70, of: 2)
        #expect(granted.map(\.connection) == [3, 4])
        #expect(granted.map(\.byteCount) == [50, 10])
        #expect(!budget.isCrowded)
        #expect(budget.usedByteCount == 110)
    }

    @Test func `those who hold memory and wait for more do not wait for each other`() {
        var budget = MemoryBudget(byteCount: 100)
        var waiting: [UInt64] = []
        for connection in UInt64(1)...5 where !budget.reserve(20, for: connection) {
            waiting.append(connection)
        }
        #expect(waiting.isEmpty)
        for connection in UInt64(1)...5 where !budget.reserve(20, for: connection) {
            waiting.append(connection)
        }
        #expect(waiting == [2, 3, 4, 5])
        // Each is whole then, is answered, and gives back what it holds.
        let next = (UInt64(1)...5).map { budget.release(40, of: $0).map(\.connection) }
        #expect(next == [[2, 3], [4], [5], [], []])
        #expect(budget.usedByteCount == 0)
    }

    @Test func `what is larger than all memory gets through, one at a time`() {
        var budget = MemoryBudget(byteCount: 100)
        let isGranted = [(500, 1), (1, 2), (700, 3)].map { budget.reserve($0, for: $1) }
        #expect(isGranted == [true, false, false])
        budget.forget(2)
        let granted = budget.release(500, of: 1)
        #expect(granted.map(\.connection) == [3])
        budget.forget(3)
        #expect(budget.release(700, of: 3).isEmpty)
        #expect(budget.usedByteCount == 0)
    }

    @Test(
        arguments: [
            ("127.0.0.1:9092", "127.0.0.1", 9092, true), ("localhost:0", "localhost", 0, true),
            ("[::1]:1", "::1", 1, true), ("0.0.0.0:9092", "0.0.0.0", 9092, false),
            ("127.evil.example:1", "127.evil.example", 1, false),
        ] as [(String, String, UInt16, Bool)]
    )
    func `an address has a host and a port`(
        text: String,
        host: String,
        port: UInt16,
        isLoopback: Bool
    ) throws {
        let address = try #require(ListenAddress(text))
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.isLoopback == isLoopback)
        #expect(address.description == text)
    }

    @Test(arguments: ["", "9092", ":9092", "host", "host:", "host:70000", "::1:9092"])
    func `what is no address is refused`(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
