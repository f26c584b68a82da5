import Broker
import BrokerAPI
import BrokerServer
import Threads

/// One of a conversation's connections, without a socket: the bytes that the other end sends in,
/// the frames that it gets out. Touched by one thread.
final class TraceConnection {
    /// What came of requests, from any thread.
    private final class Answers: Sendable {
        private let arrived = Lock<[(number: UInt64, answer: APIAnswer)]>([])

        func add(_ number: UInt64, _ answer: APIAnswer) {
            arrived.withLock { $0.append((number, answer)) }
        }

        func take() -> [(number: UInt64, answer: APIAnswer)] {
            arrived.withLock { arrived in
                defer { arrived = [] }
                return arrived
            }
        }
    }

    private let api: KafkaAPI
    private let identity: ConnectionIdentity
    private let answers = Answers()
    private var machine: ConnectionMachine
    /// What was sent and is no whole frame yet.
    private var output: [UInt8] = []
    /// Behind their lengths; nobody has taken them.
    private var frames: [[UInt8]] = []
    /// Why it ended; nil while it is open.
    private(set) var end: String?

    init(_ api: KafkaAPI, number: UInt64) {
        self.api = api
        identity = ConnectionIdentity(number: number, host: "127.0.0.1")
        machine = ConnectionMachine(identity, ServerConfiguration(), APITable.entries, now: 0)
    }

    func send(_ bytes: [UInt8]) {
        guard end == nil else { return }
        var actions: [ConnectionMachine.Action] = []
        bytes.withUnsafeBytes { machine.received($0, now: 0, &actions) }
        perform(actions)
        settle()
    }

    /// Goes on with what was answered meanwhile.
    func settle() {
        while end == nil {
            let arrived = answers.take()
            guard !arrived.isEmpty else { return }
            for (number, answer) in arrived {
                var actions: [ConnectionMachine.Action] = []
                machine.answered(number, answer, now: 0, &actions)
                perform(actions)
            }
        }
    }

    /// The answer with this correlation id, once.
    func take(_ correlationID: Int32) -> [UInt8]? {
        let head = withUnsafeBytes(of: correlationID.bigEndian) { Array($0) }
        guard let index = frames.firstIndex(where: { $0.starts(with: head) }) else { return nil }
        return frames.remove(at: index)
    }

    private func perform(_ actions: [ConnectionMachine.Action]) {
        var pending = actions[...]
        while let action = pending.popFirst() {
            var more: [ConnectionMachine.Action] = []
            switch action {
            case .reserve(let byteCount): machine.granted(byteCount, now: 0, &more)
            case .handle(let request, let number):
                api.handle(request) { [answers] in answers.add(number, $0) }
            case .write(let pieces):
                let bytes = Array(pieces.joined())
                output += bytes
                cutFrames()
                machine.sent(bytes.count, now: 0, &more)
            case .close(let reason): finish(reason ?? "the other end has all its answers")
            // Nobody has to say who it is here.
            case .look: finish("a token is to be looked at")
            case .release, .read: break
            }
            pending += more
        }
    }

    private func cutFrames() {
        while output.count >= 4 {
            let length = output.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard output.count - 4 >= length else { return }
            frames.append(Array(output[4..<4 + length]))
            output.removeFirst(4 + length)
        }
    }

    private func finish(_ reason: String) {
        guard end == nil else { return }
        end = reason
        machine.ended()
        api.connectionClosed(identity)
    }
}
