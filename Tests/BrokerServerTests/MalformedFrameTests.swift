import BrokerServer
import Testing

/// What a real broker does with frames that are none, or that name what it does not serve: byte by
/// byte as Kafka 4.3.1 does.
@Suite struct MalformedFrameTests {
    enum Expected: Sendable {
        case closed
        /// It waits for more.
        case nothing
        /// This frame, behind its length.
        case answer(String)
        /// A long one that begins so.
        case begins(String)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let hex: String
        let expected: Expected

        init(_ what: String, _ hex: String, _ expected: Expected) {
            self.what = what
            self.hex = hex
            self.expected = expected
        }

        var testDescription: String { what }
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8).map { UInt8($0 < 0x40 ? $0 - 0x30 : $0 - 0x57) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    static let cases = [
        Case("length -1", "ffffffff", .closed),
        Case("length 0", "00000000", .closed),
        Case(
            "length 2147483647",
            "7fffffff0000000000000000000000000000000000000000000000000000000000000000",
            .closed
        ),
        Case(
            "length one above socket.request.max.bytes",
            "0640000100000000000000000000000000000000",
            .closed
        ),
        Case(
            "length equal to socket.request.max.bytes, body missing",
            "0640000000000000000000000000000000000000",
            .nothing
        ),
        Case("a frame shorter than a header: 3 bytes", "00000003001200", .closed),
        Case("header cut after the correlation id", "000000080012000000000007", .closed),
        Case("HTTP GET", "474554202f20485454502f312e310d0a486f73743a20780d0a0d0a", .closed),
        Case("TLS client hello", "16030100c2010000be0303", .closed),
        Case("unknown api key 999", "0000000b03e7000000000005000178", .closed),
        Case("negative api key", "0000000bffff000000000005000178", .closed),
        Case(
            "ApiVersions version 99: answered in version 0",
            "000000110012006300000006000178000278027800",
            .answer("00000006002300000001001200000004")
        ),
        Case(
            "ApiVersions version -1",
            "0000000b0012ffff00000006000178",
            .answer("00000006002300000001001200000004")
        ),
        Case("Metadata version 99", "0000000e0003006300000007000178000000", .closed),
        Case(
            "Fetch version 3 (below the minimum)",
            "0000001f0001000300000007000178ffffffff00000064000000010010000000000000",
            .closed
        ),
        Case(
            "Produce version 2 (below the minimum, listed as 0 by ApiVersions)",
            "00000015000000020000000700017800010000006400000000",
            .closed
        ),
        Case(
            "trailing garbage after a whole ApiVersions v0 body",
            "0000000f0012000000000008000178deadbeef",
            .begins("000000080000")
        ),
        Case(
            "garbage body for Metadata v9",
            "00000012000300090000000900017800fffefdfcfbfa",
            .closed
        ),
        Case(
            "Metadata v9 with an array count of 2147483646 and no elements",
            "00000011000300090000000900017800ffffffff07",
            .closed
        ),
        Case(
            "Metadata v1 with an array count of 2147483647",
            "0000000f00030001000000090001787fffffff",
            .closed
        ),
        Case(
            "controller-only api key (BrokerRegistration 62 v0)",
            "0000000d003e0000000000090001780000",
            .closed
        ),
        Case(
            "SaslHandshake on a PLAINTEXT listener",
            "0000001200110001000000030001780005504c41494e",
            .answer("00000003002200000000")
        ),
        Case("null client id", "0000000a0012000000000001ffff", .begins("000000010000")),
    ]

    @Test(arguments: cases)
    func `a frame that is none is answered as Kafka does, and harms nobody else`(
        _ sent: Case
    ) throws {
        let harness = try ServerHarness { $0.requestByteLimit = 104_857_600 }
        let client = try harness.connect()
        try client.send(Self.bytes(sent.hex))
        switch sent.expected {
        case .closed: #expect(throws: RawClient.Closed.self) { try client.receiveSome() }
        case .nothing: break
        case .answer(let frame): #expect(try client.receiveFrame() == Self.bytes(frame))
        case .begins(let frame):
            let start = Self.bytes(frame)
            #expect(Array(try client.receiveFrame().prefix(start.count)) == start)
        }
        let other = try harness.connect()
        try other.send(Self.bytes("0000000a0012000000000001ffff"))
        #expect(Array(try other.receiveFrame().prefix(6)) == [0, 0, 0, 1, 0, 0])
        try harness.stop()
    }
}
