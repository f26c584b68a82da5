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
/// What came whole before the other end fell silent is carried out, whoever reads the answers.
package struct ConnectionMachine: Sendable {
    private enum Phase: Equatable, Sendable {
        /// Before any of the others.
        case open
        /// Nothing more is read; what came whole is carried out, then it is drained.
        case hearingOut
        /// No more requests are begun; closed once all answers are sent, for this reason.
        case draining(reason: String?)
        case closed
    }

    private(set) var identity: ConnectionIdentity
    let configuration: ServerConfiguration
    let apis: [Int16: APIEntry]
    private var phase = Phase.open
    private(set) var otherEnd = OtherEnd.speaking
    /// Nil where everybody is answered.
    private(set) var gate: SaslGate?
    /// Keys are not agreed on yet.
    private(set) var isUnsecured: Bool
    let begin: UInt64
    private(set) var frames: FrameReader
    /// What was read and is not looked at yet.
    private var backlog: [UInt8] = []
    private(set) var waiting: Waiting?
    private(set) var isWaitingForRoom = false
    private(set) var slots: [Slot] = []
    private var nextNumber: UInt64 = 0
    private var isReading = true
    private(set) var unsentByteCount = 0
    /// The answers of all connections hold as much as they may.
    var isCrowded = false
    private(set) var lastActivity: UInt64
    private(set) var reader: ReaderPace
    private(set) var frameBegin: UInt64?

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
        reader = ReaderPace(at: now)
    }

    var isClosed: Bool { phase == .closed }

    /// Whether requests are begun.
    private var isHearing: Bool { phase == .open || phase == .hearingOut }

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
            backlog = isHearing ? Array(rest) : []
        } else {
            backlog.append(contentsOf: bytes)
            consumeBacklog(now, &actions)
        }
        updateReading(&actions)
    }

    /// Memory that was asked for is there.
    package mutating func granted(_ byteCount: Int, now: UInt64, _ actions: inout [Action]) {
        guard isHearing else { return actions.append(.release(byteCount: byteCount)) }
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
        goOn(now, &actions)
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
        guard phase != .closed, otherEnd != .gone else { return }
        unsentByteCount -= byteCount
        reader.took(byteCount, stride: configuration.crowdedReaderByteCount, at: now)
        goOn(now, &actions)
    }

    /// The other end says no more. What came whole is carried out, and answered: it may read still.
    package mutating func fellSilent(now: UInt64, _ actions: inout [Action]) {
        if otherEnd == .speaking { otherEnd = .silent }
        hearOut(now, &actions)
    }

    /// The other end reads no more: its answers are dropped. What it sent may still come.
    package mutating func stoppedReading(now: UInt64, _ actions: inout [Action]) {
        guard phase != .closed, otherEnd != .gone else { return }
        otherEnd = .gone
        unsentByteCount = 0
        dropWaits(now, &actions)
        goOn(now, &actions)
    }

    /// The server stops: what came whole is carried out, nothing more is read.
    mutating func drain(now: UInt64, _ actions: inout [Action]) { hearOut(now, &actions) }

    private mutating func hearOut(_ now: UInt64, _ actions: inout [Action]) {
        guard phase == .open else { return }
        phase = .hearingOut
        dropWaits(now, &actions)
        goOn(now, &actions)
    }

    /// The connection is over; nothing of it is answered any more.
    package mutating func ended() { phase = .closed }

    // MARK: Reading

    private mutating func goOn(_ now: UInt64, _ actions: inout [Action]) {
        if isHearing { consumeBacklog(now, &actions) }
        finishHearing(&actions)
        updateReading(&actions)
        finishDraining(&actions)
    }

    /// What came whole is begun: the rest is no request, and never will be one.
    private mutating func finishHearing(_ actions: inout [Action]) {
        let mayGoOn = isWaitingForRoom && frames.canFinish(with: backlog.count)
        guard phase == .hearingOut, waiting == nil, !mayGoOn else { return }
        phase = .draining(reason: nil)
        backlog = []
    }

    private mutating func consumeBacklog(_ now: UInt64, _ actions: inout [Action]) {
        let bytes = backlog
        backlog = []
        let rest = bytes.withUnsafeBytes { consume($0[...], now, &actions).count }
        if rest > 0, isHearing { backlog = Array(bytes.suffix(rest)) }
    }

    /// Begins what can be begun; what is left of `input`.
    private mutating func consume(
        _ input: Slice<UnsafeRawBufferPointer>,
        _ now: UInt64,
        _ actions: inout [Action]
    ) -> Slice<UnsafeRawBufferPointer> {
        var input = input
        while isHearing, !isWaitingForRoom {
            if waiting != nil, !beginWaiting(now, &actions) { return input }
            // The begin of one may have been the end of the connection.
            guard isHearing else { return input }
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
        guard !isForNobody(request.header) else {
            settle(number, .none, now, &actions)
            return true
        }
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
        guard isHearing else { return }
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

    /// What waits for something to happen elsewhere keeps nothing that came behind it waiting, once
    /// it is for nobody.
    private mutating func dropWaits(_ now: UInt64, _ actions: inout [Action]) {
        for index in slots.indices where isForNobody(slots[index].header) {
            slots[index].answer = slots[index].answer ?? APIAnswer.none
        }
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
                if otherEnd == .gone { continue }
                guard let frame = first.frame(pieces, apis) else {
                    return close("an answer above 2 GiB", &actions)
                }
                if unsentByteCount == 0 { reader.begin(at: now) }
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
