import BrokerAPI
import Security

@testable import BrokerServer

/// Bytes of a connection, in pieces: the first byte says how large they are, and whether somebody
/// has to say who it is. Every request is answered, all memory that is asked for is given.
enum FrameFuzzing {
    static func run(_ bytes: UnsafeRawBufferPointer) {
        guard let first = bytes.first else { return }
        let secret = SaslServer.Randomness(secret: [1])
        var configuration = ServerConfiguration()
        configuration.requestByteLimit = 1 << 20
        var machine = ConnectionMachine(
            ConnectionIdentity(number: 1, host: "127.0.0.1"),
            configuration,
            APITable.entries,
            gate: first & 0x80 == 0 ? nil : SaslGate([.plain, .scramSHA256], secret),
            now: 0
        )
        var held = 0
        var position = 1
        while position < bytes.count {
            let end = min(bytes.count, position + 1 + Int(first & 0x7f))
            var actions: [ConnectionMachine.Action] = []
            machine.received(
                UnsafeRawBufferPointer(rebasing: bytes[position..<end]),
                now: UInt64(position),
                &actions
            )
            perform(actions, on: &machine, &held, now: UInt64(position))
            precondition(held == machine.grantedByteCount, "memory is lost")
            position = end
        }
        var actions: [ConnectionMachine.Action] = []
        machine.drain(&actions)
        perform(actions, on: &machine, &held, now: UInt64(position))
        precondition(held == machine.grantedByteCount, "memory is lost")
        precondition(machine.isClosed, "a connection does not end")
    }

    private static func perform(
        _ actions: [ConnectionMachine.Action],
        on machine: inout ConnectionMachine,
        _ held: inout Int,
        now: UInt64
    ) {
        var actions = actions
        while !actions.isEmpty {
            let action = actions.removeFirst()
            switch action {
            case .reserve(let byteCount):
                held += byteCount
                machine.granted(byteCount, now: now, &actions)
            case .release(let byteCount): held -= byteCount
            case .handle(_, let number):
                machine.answered(number, .body([[0, 0]]), now: now, &actions)
            case .look(var server, let token, let number):
                let step = server.received(token) { _, _ in nil }
                machine.looked(number, server, step, now: now, &actions)
            case .write(let pieces):
                let count = pieces.reduce(0) { $0 + $1.count }
                machine.sent(count, now: now, &actions)
            case .read, .close: break
            }
        }
    }
}
