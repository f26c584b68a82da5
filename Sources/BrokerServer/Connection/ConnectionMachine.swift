package import BrokerAPI
import Security

/// One connection: bytes and answers in, actions out. No socket, no clock, no thread.
///
/// Requests are begun in the order in which they came, and answered in it. One is begun only when
/// all before it are answered, except where an API lets the next of its kind overlap
/// (`APIEntry.canOverlap`): a produce is appended in its turn, and waits for its flush beside
/// others.
/// On a listener with SASL only who has said who it is has its requests answered (`SaslGate`).
/// While a whole request waits for its turn, for memory, or for the other end to read its answers,
/// nothing more is read: that is the backpressure.
package struct ConnectionMachine: Sendable {
    private enum Phase: Equatable, Sendable {
        case open
        /// No more requests are begun; closed once all answers are sent, for this reason.
        case draining(reason: String?)
        case closed
    }

    private struct Slot: Sendable {
        var number: UInt64
        /// Nil for a bare token, whose answer is one too.
        var header: RequestHeader?
        var grantedByteCount: Int
        var answer: APIAnswer?
    }

    /// A whole request whose turn has not come.
    private struct Waiting: Sendable {
        /// Nil for a bare token.
        var header: RequestHeader?
        var frame: [UInt8]
        var grantedByteCount: Int
    }

    private(set) var identity: ConnectionIdentity
    private let configuration: ServerConfiguration
    private let apis: [Int16: APIEntry]
    private var phase = Phase.open
    /// Nil where everybody is answered.
    private var gate: SaslGate?
    /// Keys are not agreed on yet.
    private var isUnsecured: Bool
    private let begin: UInt64
    private var frames: FrameReader
    /// What was read and is not looked at yet.
    private var backlog: [UInt8] = []
    private var waiting: Waiting?
    private var isWaitingForRoom = false
    private var slots: [Slot] = []
    private var nextNumber: UInt64 = 0
    private var isReading = true
    private(set) var unsentByteCount = 0
    /// The answers of all connections hold as much as they may.
    var isCrowded = false
    private var lastActivity: UInt64
    private var lastProgress: UInt64
    private var frameBegin: UInt64?

    package init(
        _ identity: ConnectionIdentity,
        _ configuration: ServerConfiguration,
        _ apis: [Int16: APIEntry],
        gate: SaslGate? = nil,
        isUnsecured: Bool = false,
        now: UInt64
    ) {
        self.identity = identity
        self.configuration = configuration
        self.apis = apis
        self.gate = gate
        self.isUnsecured = isUnsecured
        begin = now
        frames = FrameReader(
            byteLimit: gate == nil ? configuration.requestByteLimit : SaslGate.frameByteLimit
        )
        lastActivity = now
        lastProgress = now
    }

    /// What is given back when the connection ends.
    var grantedByteCount: Int {
        slots.reduce(frames.grantedByteCount + (waiting?.grantedByteCount ?? 0)) {
            $0 + $1.grantedByteCount
        }
    }

    var isClosed: Bool { phase == .closed }

    // MARK: Events

    package mutating func received(
        _ bytes: UnsafeRawBufferPointer,
        now: UInt64,
        _ actions: inout [Action]
    ) {
        guard phase == .open else { return }
        lastActivity = now
        if backlog.isEmpty {
            let rest = consume(bytes[...], now, &actions)
            backlog = phase == .open ? Array(rest) : []
        } else {
            backlog.append(contentsOf: bytes)
            consumeBacklog(now, &actions)
        }
        updateReading(&actions)
    }

    /// Memory that was asked for is there.
    package mutating func granted(_ byteCount: Int, now: UInt64, _ actions: inout [Action]) {
        guard phase == .open else { return actions.append(.release(byteCount: byteCount)) }
        // It could not be read meanwhile. Who holds some by then gets no more time.
        if frames.grantedByteCount == 0 { frameBegin = now }
        frames.grant(byteCount)
        isWaitingForRoom = false
        goOn(now, &actions)
    }

    package mutating func answered(
        _ number: UInt64,
        _ answer: APIAnswer,
        now: UInt64,
        _ actions: inout [Action]
    ) {
        guard phase != .closed, let index = slots.firstIndex(where: { $0.number == number }) else {
            return
        }
        slots[index].answer = answer
        lastActivity = now
        sendAnswered(now, &actions)
        if phase == .open { goOn(now, &actions) } else { finishDraining(&actions) }
    }

    /// Keys are agreed on, with somebody whose certificate names it, or with anybody for nil.
    mutating func secured(as principal: String?) {
        isUnsecured = false
        if let principal { identity = identity.authenticated(as: principal) }
    }

    /// A token was looked at.
    mutating func looked(
        _ number: UInt64,
        _ server: SaslServer,
        _ step: SaslServer.Step,
        now: UInt64,
        _ actions: inout [Action]
    ) {
        guard phase != .closed, let slot = slots.first(where: { $0.number == number }),
            let outcome = gate?.looked(server, step, version: slot.header?.version)
        else { return }
        if let user = outcome.user {
            identity = identity.authenticated(as: Principal.user(user))
            frames.byteLimit = configuration.requestByteLimit
        }
        if outcome.isRefused { stopHearing(&actions) }
        answered(number, outcome.answer, now: now, &actions)
    }

    /// The other end took bytes.
    package mutating func sent(_ byteCount: Int, now: UInt64, _ actions: inout [Action]) {
        guard phase != .closed else { return }
        unsentByteCount -= byteCount
        lastProgress = now
        if phase == .open { goOn(now, &actions) } else { finishDraining(&actions) }
    }

    /// The server stops: what is begun is finished, nothing new begins.
    mutating func drain(_ actions: inout [Action]) {
        guard phase == .open else { return }
        phase = .draining(reason: nil)
        updateReading(&actions)
        finishDraining(&actions)
    }

    /// The connection is over; nothing of it is answered any more.
    package mutating func ended() { phase = .closed }

    /// Whether it has waited too long for something; `isCrowded` while others wait for memory.
    func overdue(now: UInt64, isCrowded: Bool) -> Overdue? {
        let isUnknown = isUnsecured || gate?.isDone == false
        if isUnknown, now &- begin > configuration.authenticationTimeout.nanoseconds {
            return .unauthenticated
        }
        let timeout = isCrowded ? configuration.crowdedFrameTimeout : configuration.frameTimeout
        let keepsOthersWaiting = isCrowded && frames.grantedByteCount > 0
        if let frameBegin, waiting == nil, keepsOthersWaiting || !isWaitingForRoom && slots.isEmpty,
            now &- frameBegin > timeout.nanoseconds
        {
            return .slowWriter
        }
        if unsentByteCount > 0 {
            let silence = now &- lastProgress
            let timeout =
                self.isCrowded
                ? configuration.crowdedReaderTimeout : configuration.slowReaderTimeout
            return silence > timeout.nanoseconds ? .slowReader : nil
        }
        let isIdle = slots.isEmpty && now &- lastActivity > configuration.idleTimeout.nanoseconds
        return isIdle ? .idle : nil
    }

    // MARK: Reading

    private mutating func goOn(_ now: UInt64, _ actions: inout [Action]) {
        consumeBacklog(now, &actions)
        updateReading(&actions)
    }

    private mutating func consumeBacklog(_ now: UInt64, _ actions: inout [Action]) {
        let bytes = backlog
        backlog = []
        let rest = bytes.withUnsafeBytes { consume($0[...], now, &actions).count }
        if rest > 0, phase == .open { backlog = Array(bytes.suffix(rest)) }
    }

    /// Begins what can be begun; what is left of `input`.
    private mutating func consume(
        _ input: Slice<UnsafeRawBufferPointer>,
        _ now: UInt64,
        _ actions: inout [Action]
    ) -> Slice<UnsafeRawBufferPointer> {
        var input = input
        while phase == .open, !isWaitingForRoom {
            if waiting != nil, !beginWaiting(now, &actions) { return input }
            // The begin of one may have been the end of the connection.
            guard phase == .open else { return input }
            switch frames.next(&input) {
            case .needsBytes:
                frameBegin = frames.isInside ? frameBegin ?? now : nil
                return input
            case .needsRoom(let byteCount):
                frameBegin = frameBegin ?? now
                isWaitingForRoom = true
                actions.append(.reserve(byteCount: byteCount))
            case .refused(let reason): refuse(reason, &actions)
            case .frame(let frame, let granted):
                frameBegin = nil
                accept(frame, granted, &actions)
            }
        }
        return input
    }

    private mutating func accept(_ frame: [UInt8], _ granted: Int, _ actions: inout [Action]) {
        if let gate, gate.isBare {
            waiting = Waiting(header: nil, frame: frame, grantedByteCount: granted)
            return
        }
        let header = frame.withUnsafeBytes { bytes in
            Result { () throws(RequestHeader.Failure) in try RequestHeader(reading: bytes, apis) }
        }
        switch header {
        case .success(let header):
            waiting = Waiting(header: header, frame: frame, grantedByteCount: granted)
        case .failure(let failure):
            if granted > 0 { actions.append(.release(byteCount: granted)) }
            refuse(failure.words, &actions)
        }
    }

    /// Begins the request that waits; false while its turn has not come.
    private mutating func beginWaiting(_ now: UInt64, _ actions: inout [Action]) -> Bool {
        guard let next = waiting, isTurn(of: next.header), var request = waiting.take() else {
            return false
        }
        let number = nextNumber
        nextNumber += 1
        slots.append(
            Slot(
                number: number,
                header: request.header,
                grantedByteCount: request.grantedByteCount,
                answer: nil
            )
        )
        guard let header = request.header else {
            follow(gate?.asked(token: request.frame), nil, number, now, &actions)
            return true
        }
        request.frame.removeFirst(header.byteCount)
        let handled = APIRequest(
            apiKey: header.apiKey,
            version: header.version,
            clientID: header.clientID,
            connection: identity,
            body: request.frame
        )
        follow(gate?.asked(handled), handled, number, now, &actions)
        return true
    }

    /// Does what the gate says; nil where there is none.
    private mutating func follow(
        _ verdict: SaslGate.Verdict?,
        _ request: APIRequest?,
        _ number: UInt64,
        _ now: UInt64,
        _ actions: inout [Action]
    ) {
        switch verdict {
        case .pass, nil:
            if let request { actions.append(.handle(request, number: number)) }
        case .look(let server, let token):
            actions.append(.look(server, token: token, number: number))
        case .answer(let answer): settle(number, answer, now, &actions)
        case .refuse(let answer):
            stopHearing(&actions)
            settle(number, answer, now, &actions)
            finishDraining(&actions)
        }
    }

    /// Nothing more of it is heard: it ends behind the last answer.
    private mutating func stopHearing(_ actions: inout [Action]) {
        phase = .draining(reason: nil)
        updateReading(&actions)
    }

    /// What came is no request. Those in front of it are answered first, as by Kafka.
    private mutating func refuse(_ reason: String, _ actions: inout [Action]) {
        guard phase == .open else { return }
        phase = .draining(reason: reason)
        backlog = []
        finishDraining(&actions)
        updateReading(&actions)
    }

    /// An answer that is there at once.
    private mutating func settle(
        _ number: UInt64,
        _ answer: APIAnswer,
        _ now: UInt64,
        _ actions: inout [Action]
    ) {
        guard let index = slots.firstIndex(where: { $0.number == number }) else { return }
        slots[index].answer = answer
        sendAnswered(now, &actions)
    }

    private func isTurn(of header: RequestHeader?) -> Bool {
        let unreadByteLimit = isCrowded ? 0 : configuration.unreadByteCount
        guard unsentByteCount <= unreadByteLimit else { return false }
        guard let last = slots.last else { return true }
        guard let header else { return false }
        return last.header?.apiKey == header.apiKey && slots.count < configuration.inFlightLimit
            && apis[header.apiKey]?.canOverlap == true
    }

    private mutating func updateReading(_ actions: inout [Action]) {
        let reads = phase == .open && waiting == nil && !isWaitingForRoom
        guard reads != isReading, phase != .closed else { return }
        isReading = reads
        actions.append(.read(reads))
    }

    // MARK: Answering

    /// Sends what is answered, as far as nothing before it waits.
    private mutating func sendAnswered(_ now: UInt64, _ actions: inout [Action]) {
        while phase != .closed, let first = slots.first, let answer = first.answer {
            slots.removeFirst()
            if first.grantedByteCount > 0 {
                actions.append(.release(byteCount: first.grantedByteCount))
            }
            switch answer {
            case .none: break
            case .close(let reason): close(reason, &actions)
            case .body(let pieces):
                let frame =
                    first.header.map { header in
                        ResponseFrame.pieces(
                            pieces,
                            of: header,
                            isFlexible: apis[header.apiKey]?.isFlexible(header.version) ?? false
                        )
                    } ?? ResponseFrame.bare(pieces)
                guard let frame else { return close("an answer above 2 GiB", &actions) }
                if unsentByteCount == 0 { lastProgress = now }
                unsentByteCount += frame.reduce(0) { $0 + $1.count }
                actions.append(.write(frame))
            }
        }
    }

    private mutating func finishDraining(_ actions: inout [Action]) {
        guard case .draining(let reason) = phase, slots.isEmpty, unsentByteCount == 0 else {
            return
        }
        phase = .closed
        actions.append(.close(reason: reason))
    }

    private mutating func close(_ reason: String, _ actions: inout [Action]) {
        guard phase != .closed else { return }
        phase = .closed
        actions.append(.close(reason: reason))
    }
}
