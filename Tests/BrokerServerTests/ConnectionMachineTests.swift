import BrokerAPI
import Testing

@testable import BrokerServer

@Suite struct ConnectionMachineTests {
    private typealias Harness = ConnectionHarness

    @Test(arguments: 1...20)
    func `a request is whole wherever its bytes are torn`(chunk: Int) {
        let harness = Harness()
        let frames =
            Harness.frame(Harness.produce, body: [1, 2, 3])
            + Harness.frame(Harness.produce, version: 9, correlation: 2, body: [4])
        var seen: [Harness.Seen] = []
        for start in stride(from: 0, to: frames.count, by: chunk) {
            seen += harness.receive(Array(frames[start..<min(start + chunk, frames.count)]))
        }
        #expect(
            seen == [
                .handled(apiKey: Harness.produce, number: 0, body: [1, 2, 3]),
                .handled(apiKey: Harness.produce, number: 1, body: [4]),
            ]
        )
    }

    @Test func `answers go out in the order of the requests`() {
        let harness = Harness()
        _ = harness.receive(
            Harness.frame(Harness.produce, correlation: 7)
                + Harness.frame(Harness.produce, version: 9, correlation: 8)
        )
        #expect(harness.answer(1, [2]).isEmpty)
        #expect(
            harness.answer(0, [1]) == [
                .wrote([0, 0, 0, 5, 0, 0, 0, 7, 1]),
                .wrote([0, 0, 0, 6, 0, 0, 0, 8, 0, 2]),
            ]
        )
    }

    @Test func `a request waits until all before it are answered, and nothing more is read`() {
        let harness = Harness()
        let seen = harness.receive(
            Harness.frame(Harness.joinGroup) + Harness.frame(Harness.fetch, body: [5])
                + Harness.frame(Harness.fetch, body: [6])
        )
        #expect(
            seen == [.handled(apiKey: Harness.joinGroup, number: 0, body: []), .reading(false)]
        )
        let next = harness.answer(0, [9])
        #expect(
            next == [
                .wrote([0, 0, 0, 5, 0, 0, 0, 1, 9]),
                .handled(apiKey: Harness.fetch, number: 1, body: [5]),
            ]
        )
        #expect(
            harness.answer(1, with: .none) == [
                .handled(apiKey: Harness.fetch, number: 2, body: [6]), .reading(true),
            ]
        )
    }

    @Test func `only so many requests overlap`() {
        let harness = Harness { $0.inFlightLimit = 2 }
        let frame = Harness.frame(Harness.produce)
        let seen = harness.receive(frame + frame + frame)
        #expect(
            seen == [
                .handled(apiKey: Harness.produce, number: 0, body: []),
                .handled(apiKey: Harness.produce, number: 1, body: []), .reading(false),
            ]
        )
        #expect(
            harness.answer(0, with: .none) == [
                .handled(apiKey: Harness.produce, number: 2, body: []), .reading(true),
            ]
        )
    }

    @Test func `a produce without acknowledgement is answered by nothing`() {
        let harness = Harness()
        _ = harness.receive(Harness.frame(Harness.produce))
        #expect(harness.answer(0, with: .none).isEmpty)
    }

    @Test func `what cannot be read closes the connection, behind the answers before it`() {
        let harness = Harness()
        _ = harness.receive(
            Harness.frame(Harness.produce, correlation: 3) + Harness.frame(Harness.produce)
        )
        #expect(harness.answer(1, with: .close(reason: "bad")).isEmpty)
        #expect(
            harness.answer(0, []) == [.wrote([0, 0, 0, 4, 0, 0, 0, 3]), .closed("bad")]
        )
        #expect(harness.machine.isClosed)
        #expect(harness.receive(Harness.frame(Harness.produce)).isEmpty)
    }

    @Test(
        arguments: [
            [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 10, 3, 0xE7, 0, 0, 0, 0, 0, 5, 0xFF, 0xFF],
        ] as [[UInt8]]
    )
    func `what is no request closes the connection behind the answers before it`(
        bytes: [UInt8]
    ) {
        let harness = Harness()
        let seen = harness.receive(Harness.frame(Harness.fetch, correlation: 3) + bytes + [1, 2])
        #expect(
            seen == [
                .handled(apiKey: Harness.fetch, number: 0, body: []), .reading(false),
            ]
        )
        #expect(harness.receive(Harness.frame(Harness.fetch)).isEmpty)
        #expect(harness.answer(0, []) == [.wrote([0, 0, 0, 4, 0, 0, 0, 3])])
        let last = harness.send(8)
        guard case .closed(.some) = last.first, last.count == 1 else {
            Issue.record("\(last)")
            return
        }
    }

    @Test func `an answer of ApiVersions has the plain header in every version`() {
        let harness = Harness()
        _ = harness.receive(Harness.frame(Harness.apiVersions, version: 9))
        #expect(harness.answer(0, [1]) == [.wrote([0, 0, 0, 5, 0, 0, 0, 1, 1])])
    }

    @Test(arguments: [Int16(99), -1])
    func `ApiVersions is answered in a version that nobody knows`(version: Int16) {
        let harness = Harness()
        let seen = harness.receive(
            Harness.frame(Harness.apiVersions, version: version, tags: [], body: [1])
        )
        #expect(
            seen == [.handled(apiKey: Harness.apiVersions, number: 0, body: [1])]
        )
    }

    @Test(
        arguments: [
            ("negative length", [0xFF, 0xFF, 0xFF, 0xFF]),
            ("length 0", [0, 0, 0, 0]),
            ("too long", [0x7F, 0xFF, 0xFF, 0xFF]),
            ("shorter than a header", [0, 0, 0, 3, 0, 18, 0]),
            ("no client id", [0, 0, 0, 8, 0, 18, 0, 0, 0, 0, 0, 7]),
            ("unknown API", [0, 0, 0, 10, 3, 0xE7, 0, 0, 0, 0, 0, 5, 0xFF, 0xFF]),
            ("unknown version", [0, 0, 0, 10, 0, 1, 0, 99, 0, 0, 0, 5, 0xFF, 0xFF]),
            (
                "a client id longer than the frame",
                [0, 0, 0, 10, 0, 1, 0, 0, 0, 0, 0, 5, 0x7F, 0xFF]
            ),
            (
                "more tags than anybody has",
                [0, 0, 0, 12, 0, 1, 0, 9, 0, 0, 0, 5, 0xFF, 0xFF, 0xFF, 0x7F]
            ),
            ("a web request", Array("GET / HTTP/1.1\r\n".utf8)),
        ] as [(String, [UInt8])]
    )
    func `what is no request closes the connection`(name: String, bytes: [UInt8]) throws {
        let harness = Harness()
        let seen = harness.receive(bytes)
        let last = try #require(seen.last)
        guard case .closed(.some) = last else {
            Issue.record("\(name): \(seen)")
            return
        }
        #expect(seen.count == 1)
    }

    @Test func `a frame at the limit waits for its bytes`() {
        let harness = Harness { $0.requestByteLimit = 100 }
        #expect(harness.receive([0, 0, 0, 100]).isEmpty)
        let other = Harness { $0.requestByteLimit = 100 }
        #expect(other.receive([0, 0, 0, 101]).count == 1)
    }

    @Test func `a stop finishes what is begun, and what came whole`() {
        let harness = Harness()
        _ = harness.receive(Harness.frame(Harness.joinGroup) + Harness.frame(Harness.fetch))
        #expect(harness.drain().isEmpty)
        #expect(
            harness.answer(0, []) == [
                .wrote([0, 0, 0, 4, 0, 0, 0, 1]),
                .handled(apiKey: Harness.fetch, number: 1, body: []),
            ]
        )
        #expect(harness.answer(1, []) == [.wrote([0, 0, 0, 4, 0, 0, 0, 1])])
        #expect(harness.send(16) == [.closed(nil)])
        let idle = Harness()
        #expect(idle.drain() == [.reading(false), .closed(nil)])
    }
}
