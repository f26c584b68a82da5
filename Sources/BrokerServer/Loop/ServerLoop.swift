import BrokerAPI
import CUV
import Glibc
import Security
import Threads

/// The event loop: carries bytes between sockets and machines, and requests to the threads that
/// answer them. It never waits for a disk or a lock that is held for long.
///
/// SAFETY: `@unchecked` because everything but `inbox` belongs to the loop's thread, and to the one
/// that starts it before there is that thread.
final class ServerLoop: @unchecked Sendable {
    enum Message: Sendable {
        case answer(connection: UInt64, number: UInt64, APIAnswer)
        /// A token was looked at.
        case look(connection: UInt64, number: UInt64, SaslServer, SaslServer.Step)
        case stop
    }

    private struct Inbox: Sendable {
        var messages: [Message] = []
        var isOpen = true
    }

    let api: KafkaAPI
    let configuration: ServerConfiguration
    private let workers: RequestWorkers
    let loop = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
    var listeners: [Listener] = []
    private let wake = UnsafeMutablePointer<uv_async_t>.allocate(capacity: 1)
    private let ticker = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
    private let inbox = Lock(Inbox())
    /// What is read at once; each connection's machine takes from it what it needs.
    private let readBytes = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 256 << 10,
        alignment: 4096
    )
    var connections: [UInt64: SocketConnection] = [:]
    var hostCounts: [String: Int] = [:]
    var lastNumber: UInt64 = 0
    private var budget: MemoryBudget
    /// Who was given memory that somebody gave back, and does not know it yet.
    private var grants: [(connection: UInt64, byteCount: Int)] = []
    var stopDeadline: UInt64?

    init(_ api: KafkaAPI, _ configuration: ServerConfiguration, _ workers: RequestWorkers) {
        self.api = api
        self.configuration = configuration
        self.workers = workers
        budget = MemoryBudget(byteCount: configuration.memoryByteCount)
    }

    deinit {
        loop.deallocate()
        for listener in listeners { listener.handle.free() }
        wake.deallocate()
        ticker.deallocate()
        readBytes.deallocate()
    }

    var readBuffer: uv_buf_t {
        uv_buf_t(
            base: readBytes.baseAddress?.assumingMemoryBound(to: CChar.self),
            len: readBytes.count
        )
    }

    // MARK: Starting and ending

    /// Listens; returns the listeners with the ports that they got.
    func listen(
        on asked: [ListenerConfiguration],
        _ security: ServerSecurity,
        _ local: LocalSocket?
    ) throws(ServerError) -> [ListenerConfiguration] {
        let failure = uv_loop_init(loop)
        guard failure == 0 else { throw .noLoop(Self.words(failure)) }
        // SAFETY: the loop's handles are closed before the loop, and the server keeps it longer.
        let itself = Unmanaged.passUnretained(self).toOpaque()
        uv_async_init(loop, wake) { handle in
            guard let data = handle?.pointee.data else { return }
            ServerLoop.of(data).takeMessages()
        }
        uv_timer_init(loop, ticker)
        wake.pointee.data = itself
        ticker.pointee.data = itself
        do throws(ServerError) {
            var bound: [ListenerConfiguration] = []
            for listener in asked { bound.append(try bind(listener, security)) }
            if let local { try bind(to: local) }
            startTicking()
            return bound
        } catch {
            abandon()
            throw error
        }
    }

    private static let tickMilliseconds: UInt64 = 500

    private func startTicking() {
        uv_timer_start(
            ticker,
            { timer in
                guard let data = timer?.pointee.data else { return }
                ServerLoop.of(data).tick()
            },
            Self.tickMilliseconds,
            Self.tickMilliseconds
        )
    }

    /// Turns until it is stopped.
    func run() {
        // A write to a socket that is gone is an error, not a signal.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        uv_run(loop, UV_RUN_DEFAULT)
        uv_loop_close(loop)
    }

    /// Gives up what `listen` has begun.
    private func abandon() {
        closeHandles()
        uv_run(loop, UV_RUN_DEFAULT)
        uv_loop_close(loop)
    }

    private func closeHandles() {
        inbox.withLock { $0.isOpen = false }
        for handle in [UnsafeMutableRawPointer(wake), UnsafeMutableRawPointer(ticker)] {
            uv_close(handle.assumingMemoryBound(to: uv_handle_t.self), nil)
        }
        closeListeners()
    }

    private func closeListeners() {
        for listener in listeners where uv_is_closing(listener.handle.handle) == 0 {
            uv_close(listener.handle.handle, nil)
        }
    }

    /// SAFETY: `data` is the loop that `listen` put there.
    private static func of(_ data: UnsafeMutableRawPointer) -> ServerLoop {
        Unmanaged<ServerLoop>.fromOpaque(data).takeUnretainedValue()
    }

    static func words(_ code: Int32) -> String { String(cString: uv_strerror(code)) }

    // MARK: Messages from other threads

    /// From any thread.
    func send(_ message: Message) {
        inbox.withLock { inbox in
            guard inbox.isOpen else { return }
            inbox.messages.append(message)
            if inbox.messages.count == 1 { uv_async_send(wake) }
        }
    }

    private func takeMessages() {
        let messages = inbox.withLock { inbox in
            let messages = inbox.messages
            inbox.messages = []
            return messages
        }
        var answers: [UInt64: [(number: UInt64, answer: APIAnswer)]] = [:]
        var order: [UInt64] = []
        for message in messages {
            switch message {
            case .stop: beginStop()
            case .look(let connection, let number, let server, let step):
                guard let connection = connections[connection] else { continue }
                run(connection) {
                    $0.looked(number, server, step, now: uv_hrtime(), &$1)
                }
            case .answer(let connection, let number, let answer):
                api.answerMemory.change(by: -answer.byteCount)
                if answers[connection] == nil { order.append(connection) }
                answers[connection, default: []].append((number, answer))
            }
        }
        let now = uv_hrtime()
        for number in order {
            guard let connection = connections[number] else { continue }
            // Answers that came together are written together.
            run(connection) { machine, actions in
                for answer in answers[number] ?? [] {
                    machine.answered(answer.number, answer.answer, now: now, &actions)
                }
            }
        }
        settleGrants()
    }

    // MARK: Connections

    func received(_ bytes: UnsafeRawBufferPointer, on connection: SocketConnection) {
        let now = uv_hrtime()
        run(connection) { $0.received(bytes, now: now, &$1) }
        settleGrants()
    }

    func sent(_ byteCount: Int, on connection: SocketConnection) {
        let now = uv_hrtime()
        run(connection) { $0.sent(byteCount, now: now, &$1) }
        settleGrants()
    }

    /// Nothing more comes of a connection.
    func fellSilent(_ connection: SocketConnection) {
        let now = uv_hrtime()
        run(connection) { $0.fellSilent(now: now, &$1) }
        settleGrants()
    }

    private func run(
        _ connection: SocketConnection,
        _ event: (inout ConnectionMachine, inout [ConnectionMachine.Action]) -> Void
    ) {
        var actions: [ConnectionMachine.Action] = []
        connection.machine.isCrowded = api.answerMemory.isFull
        event(&connection.machine, &actions)
        // Once in any case: what a finished write made room for is sent now.
        repeat {
            let batch = actions
            actions = []
            for action in batch { perform(action, of: connection, &actions) }
            if let sent = connection.flush() {
                connection.machine.sent(sent, now: uv_hrtime(), &actions)
            }
            if connection.isDeaf {
                connection.machine.stoppedReading(now: uv_hrtime(), &actions)
            }
        } while !actions.isEmpty
        if connections[connection.number] != nil {
            let byteCount = connection.machine.unsentByteCount + connection.retainedByteCount
            countAnswers(of: connection, as: byteCount)
        }
    }

    private func countAnswers(of connection: SocketConnection, as byteCount: Int) {
        api.answerMemory.change(by: byteCount - connection.countedByteCount)
        connection.countedByteCount = byteCount
    }

    private func perform(
        _ action: ConnectionMachine.Action,
        of connection: SocketConnection,
        _ more: inout [ConnectionMachine.Action]
    ) {
        switch action {
        case .reserve(let byteCount):
            if budget.reserve(byteCount, for: connection.number) {
                connection.machine.granted(byteCount, now: uv_hrtime(), &more)
            }
        case .release(let byteCount): grants += budget.release(byteCount, of: connection.number)
        case .handle(let request, let number): handle(request, number, of: connection)
        case .look(let server, let token, let number):
            look(server, token, number, of: connection)
        case .write(let pieces): connection.write(pieces)
        case .read(let reads): connection.setReading(reads)
        case .close(let reason):
            _ = connection.flush()
            end(connection, reason: reason)
        }
    }

    private func handle(_ request: APIRequest, _ number: UInt64, of connection: SocketConnection) {
        let (api, id) = (api, connection.number)
        workers.add(
            { [weak self] in
                api.handle(request) { [weak self] answer in
                    api.answerMemory.change(by: answer.byteCount)
                    self?.send(.answer(connection: id, number: number, answer))
                }
            },
            isHeavy: isHeavy(request),
            to: connection.mailbox
        )
    }

    /// A request of this size that is not of records names very much.
    private static let heavyByteCount = 64 << 10

    private func isHeavy(_ request: APIRequest) -> Bool {
        request.body.count > Self.heavyByteCount
            && APITable.entries[request.apiKey]?.canOverlap == false
    }

    /// Passwords take rounds, which are not the loop's to make.
    private func look(
        _ server: SaslServer,
        _ token: [UInt8],
        _ number: UInt64,
        of connection: SocketConnection
    ) {
        let (api, credentials, id) = (api, api.credentials, connection.number)
        let failure = LoginFailure(
            host: connection.machine.identity.host,
            mechanism: server.mechanism.rawValue
        )
        workers.add(
            { [weak self] in
                var server = server
                let step = server.received(token, shapes: credentials.shapes) {
                    credentials.credential($0, $1)
                }
                if case .failed = step { api.loginFailed(failure) }
                self?.send(.look(connection: id, number: number, server, step))
            },
            to: connection.mailbox
        )
    }

    /// Memory that came free goes to those whose turn it is, whose requests may give back more.
    private func settleGrants() {
        while !grants.isEmpty {
            let given = grants.removeFirst()
            guard let connection = connections[given.connection] else {
                grants += budget.release(given.byteCount, of: given.connection)
                continue
            }
            run(connection) { $0.granted(given.byteCount, now: uv_hrtime(), &$1) }
        }
    }

    /// Ends a connection; what it had not begun is dropped.
    func end(_ connection: SocketConnection, reason: String?) {
        guard connections.removeValue(forKey: connection.number) != nil else { return }
        let host = connection.machine.identity.host
        let count = hostCounts[host, default: 1] - 1
        hostCounts[host] = count > 0 ? count : nil
        budget.forget(connection.number)
        grants += budget.release(connection.machine.grantedByteCount, of: connection.number)
        countAnswers(of: connection, as: 0)
        connection.machine.ended()
        connection.close()
        api.connectionClosed(connection.machine.identity)
        finishStop()
    }

    // MARK: Time

    private func tick() {
        let now = uv_hrtime()
        let isFull = api.answerMemory.isFull
        for connection in Array(connections.values) {
            connection.machine.isCrowded = isFull
            if connection.machine.overdue(now: now, isCrowded: budget.isCrowded) != nil {
                end(connection, reason: nil)
            }
        }
        settleGrants()
        if let stopDeadline, now >= stopDeadline {
            for connection in Array(connections.values) { end(connection, reason: nil) }
        }
    }

    // MARK: Stopping

    private func beginStop() {
        guard stopDeadline == nil else { return }
        stopDeadline = uv_hrtime() &+ configuration.stopTimeout.nanoseconds
        closeListeners()
        let now = uv_hrtime()
        for connection in Array(connections.values) { run(connection) { $0.drain(now: now, &$1) } }
        settleGrants()
        finishStop()
    }

    private func finishStop() {
        guard stopDeadline != nil, connections.isEmpty else { return }
        let handle = UnsafeMutableRawPointer(wake).assumingMemoryBound(to: uv_handle_t.self)
        if uv_is_closing(handle) == 0 { closeHandles() }
    }
}
