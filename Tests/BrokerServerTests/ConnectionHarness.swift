import BrokerAPI
import Security

@testable import BrokerServer

/// A connection without a socket: bytes in, what it does out.
final class ConnectionHarness {
    /// What came out, in words that a test compares.
    enum Seen: Equatable {
        case handled(apiKey: Int16, number: UInt64, body: [UInt8])
        case looked(token: [UInt8], number: UInt64)
        case wrote([UInt8])
        case reading(Bool)
        case reserved(Int)
        case released(Int)
        case closed(String?)
    }

    static let produce: Int16 = 0
    static let fetch: Int16 = 1
    static let joinGroup: Int16 = 11
    static let apiVersions: Int16 = 18

    /// Versions below `flexible` have the plain header.
    static let flexible: Int16 = 9

    static let apis: [Int16: APIEntry] = {
        var apis: [Int16: APIEntry] = [:]
        for key in [produce, fetch, joinGroup, apiVersions] {
            apis[key] = APIEntry(
                key: key,
                advertised: 0...12,
                flexibleFrom: flexible,
                canOverlap: key == produce,
                onlyWaits: key == fetch,
                serve: { _, _, answer in answer(.none) }
            )
        }
        return apis
    }()

    var machine: ConnectionMachine
    var now: UInt64 = 0

    init(
        gate: SaslGate? = nil,
        isUnsecured: Bool = false,
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) {
        var configuration = ServerConfiguration()
        change(&configuration)
        machine = ConnectionMachine(
            ConnectionIdentity(number: 1, host: "127.0.0.1"),
            configuration,
            gate == nil ? Self.apis : APITable.entries,
            gate: gate,
            isUnsecured: isUnsecured,
            now: 0
        )
    }

    /// A whole frame with the plain header, or the one with tags.
    static func frame(
        _ apiKey: Int16,
        version: Int16 = 0,
        correlation: Int32 = 1,
        client: String? = "c",
        tags: [UInt8] = [0],
        body: [UInt8] = []
    ) -> [UInt8] {
        var content = bytes(apiKey) + bytes(version) + bytes(correlation)
        if let client {
            content += bytes(Int16(client.utf8.count)) + Array(client.utf8)
        } else {
            content += bytes(Int16(-1))
        }
        if version >= flexible { content += tags }
        content += body
        return bytes(Int32(content.count)) + content
    }

    static func bytes<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    func receive(_ bytes: [UInt8]) -> [Seen] {
        act { machine, now, actions in
            bytes.withUnsafeBytes { machine.received($0, now: now, &actions) }
        }
    }

    func answer(_ number: UInt64, _ body: [UInt8]) -> [Seen] {
        answer(number, with: .body([body]))
    }

    func answer(_ number: UInt64, with answer: APIAnswer) -> [Seen] {
        act { $0.answered(number, answer, now: $1, &$2) }
    }

    func grant(_ byteCount: Int) -> [Seen] {
        act { $0.granted(byteCount, now: $1, &$2) }
    }

    func send(_ byteCount: Int) -> [Seen] {
        act { $0.sent(byteCount, now: $1, &$2) }
    }

    /// What looking at a token has led to.
    func look(_ number: UInt64, _ server: SaslServer, _ step: SaslServer.Step) -> [Seen] {
        act { $0.looked(number, server, step, now: $1, &$2) }
    }

    func drain() -> [Seen] { act { $0.drain(now: $1, &$2) } }

    func fallSilent() -> [Seen] { act { $0.fellSilent(now: $1, &$2) } }

    func stopReading() -> [Seen] { act { $0.stoppedReading(now: $1, &$2) } }

    func overdue(
        afterSeconds seconds: UInt64,
        isCrowded: Bool = false
    )
        -> ConnectionMachine.Overdue?
    {
        machine.overdue(now: seconds * 1_000_000_000, isCrowded: isCrowded)
    }

    private func act(
        _ event: (inout ConnectionMachine, UInt64, inout [ConnectionMachine.Action]) -> Void
    ) -> [Seen] {
        var actions: [ConnectionMachine.Action] = []
        event(&machine, now, &actions)
        return actions.map { action in
            switch action {
            case .handle(let request, let number):
                .handled(apiKey: request.apiKey, number: number, body: request.body)
            case .look(_, let token, let number): .looked(token: token, number: number)
            case .write(let pieces): .wrote(Array(pieces.joined()))
            case .read(let reads): .reading(reads)
            case .reserve(let byteCount): .reserved(byteCount)
            case .release(let byteCount): .released(byteCount)
            case .close(let reason): .closed(reason)
            }
        }
    }
}
