import Broker
import Testing

/// Requests that are none, beyond the frames of `MalformedFrameTests`: headers, bodies, batches,
/// compressed blocks and transactions, each answered as Kafka 4.3.1 answers it.
@Suite struct MalformedRequestTests {
    /// Heartbeat of somebody unknown, and its answer.
    private static let heartbeat =
        "00000015" + "000c0000" + "00000007" + "000178" + "000167" + "00000000" + "00016d"
    private static let unknownMember = "000000070019"

    @Test func `the fixture has every kind`() {
        let counts = Dictionary(grouping: MalformedRequest.all, by: \.kind).mapValues(\.count)
        // Beside the frames of MalformedFrameTests, and those of SaslGateTests.
        #expect(counts["framing"] == 7)
        #expect(counts["header"] == 13)
        #expect(counts["body", default: 0] >= 30)
        #expect(counts["batch", default: 0] >= 45)
        #expect(counts["compression"] == 18)
        #expect(counts["transactions"] == 12)
    }

    @Test(arguments: MalformedRequest.all)
    func `a request that is none is answered as Kafka does, and harms nobody else`(
        _ sent: MalformedRequest
    ) throws {
        let harness = try ServerHarness()
        try harness.broker.createTopic(sent.topic, partitionCount: 1)
        let client = try harness.connect()
        try client.send(MalformedRequest.bytes(sent.send))
        switch sent.deviation {
        case .produceCode(let code):
            let answer = MalformedRequest.hex(try client.receiveFrame())
            #expect(MalformedRequest.produceCode(answer) == code)
        case .answer(let expected):
            #expect(MalformedRequest.hex(try client.receiveFrame()) == expected)
        case nil:
            for expected in sent.answers {
                #expect(MalformedRequest.hex(try client.receiveFrame()) == expected)
            }
        }
        if sent.closed {
            #expect(throws: RawClient.Closed.self) { try client.receiveSome() }
        } else if !sent.isUnfinished {
            try expectAnswer(on: client)
        }
        try expectAnswer(on: try harness.connect())
        try harness.stop()
    }

    /// Whether this connection is served.
    private func expectAnswer(on client: RawClient) throws {
        try client.send(MalformedRequest.bytes(Self.heartbeat))
        #expect(MalformedRequest.hex(try client.receiveFrame()) == Self.unknownMember)
    }
}
