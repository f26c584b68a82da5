import BrokerAPI

/// One connection: bytes and answers in, actions out. No socket, no clock, no thread.
///
/// Requests are begun in the order in which they came, and answered in it. One is begun only when
/// all before it are answered, except where an API lets the next of its kind overlap
/// (`APIEntry.canOverlap`): a produce is appended in its turn, and waits for its flush beside
/// others.
/// While a whole request waits for its turn, for memory, or for the other end to read its answers,
/// nothing more is read: that is the backpressure.
struct ConnectionMachine: Sendable {
    enum Action: Sendable {
        /// Asks for memory; `granted` goes on.
        case reserve(byteCount: Int)
        case release(byteCount: Int)
        /// Begins a request; `answered` names the number.
        case handle(APIRequest, number: UInt64)
        /// Sends these bytes, one piece behind the other.
        case write([[UInt8]])
        case read(Bool)
        /// Ends the connection, at once where something is wrong, behind what is to be sent else.
        case close(reason: String?)
    }

    /// Why a connection that waits too long is ended.
    enum Overdue: Equatable, Sendable {
        case idle
        case slowWriter
        case slowReader
    }

    private enum Phase: Sendable {
        case open
        /// No more requests are begun; closed once all answers are sent.
        case draining
        case closed
    }

    private struct Slot: Sendable {
        var number: UInt64
        var header: RequestHeader
        var grantedByteCount: Int
        var answer: APIAnswer?
    }

    /// A whole request whose turn has not come.
    private struct Waiting: Sendable {
        var header: RequestHeader
        var frame: [UInt8]
        var grantedByteCount: Int
    }

    let identity: ConnectionIdentity
    private let configuration: ServerConfiguration
    private let apis: [Int16: APIEntry]
    private var phase = Phase.open
    private var frames: FrameReader
    /// What was read and is not looked at yet.
    private var backlog: [UInt8] = []
    private var waiting: Waiting?
    private var isWaitingForRoom = false
    private var slots: [Slot] = []
    private var nextNumber: UInt64 = 0
    private var isReading = true
    private var unsentByteCount = 0
    private var lastActivity: UInt64
    private var lastProgress: UInt64
    private var frameBegin: UInt64?

    init(
        _ identity: ConnectionIdentity,
        _ configuration: ServerConfiguration,
        _ apis: [Int16: APIEntry],
        now: UInt64
    ) {
        self.identity = identity
        self.configuration = configuration
        self.apis = apis
        frames = FrameReader(byteLimit: configuration.requestByteLimit)
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

    mutating func received(
        _ bytes: UnsafeRawBufferPointer,
        now: UInt64,
        _ actions: inout [Action]
    ) {
        guard phase == .open else { return }
        lastActivity = now
        if backlog.isEmpty {
            let rest = consume(bytes[...], now, &actions)
            backlog = Array(rest)
        } else {
            backlog.append(contentsOf: bytes)
            consumeBacklog(now, &actions)
        }
        updateReading(&actions)
    }

    /// Memory that was asked for is there.
    mutating func granted(_ byteCount: Int, now: UInt64, _ actions: inout [Action]) {
        guard phase == .open else { return actions.append(.release(byteCount: byteCount)) }
        frames.grant(byteCount)
        isWaitingForRoom = false
        // It could not be read meanwhile.
        frameBegin = now
        goOn(now, &actions)
    }

    mutating func answered(
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

    /// The other end took bytes.
    mutating func sent(_ byteCount: Int, now: UInt64, _ actions: inout [Action]) {
        guard phase != .closed else { return }
        unsentByteCount -= byteCount
        lastProgress = now
        if phase == .open { goOn(now, &actions) } else { finishDraining(&actions) }
    }

    /// The server stops: what is begun is finished, nothing new begins.
    mutating func drain(_ actions: inout [Action]) {
        guard phase == .open else { return }
        phase = .draining
        updateReading(&actions)
        finishDraining(&actions)
    }

    /// The connection is over; nothing of it is answered any more.
    mutating func ended() { phase = .closed }

    /// Whether it has waited too long for something; `isCrowded` while others wait for memory.
    func overdue(now: UInt64, isCrowded: Bool) -> Overdue? {
        let timeout = isCrowded ? configuration.crowdedFrameTimeout : configuration.frameTimeout
        if let frameBegin, !isWaitingForRoom, waiting == nil, slots.isEmpty,
            now &- frameBegin > timeout.nanoseconds
        {
            return .slowWriter
        }
        if unsentByteCount > 0 {
            let silence = now &- lastProgress
            return silence > configuration.slowReaderTimeout.nanoseconds ? .slowReader : nil
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
        if rest > 0 { backlog = Array(bytes.suffix(rest)) }
    }

    /// Begins what can be begun; what is left of `input`.
    private mutating func consume(
        _ input: Slice<UnsafeRawBufferPointer>,
        _ now: UInt64,
        _ actions: inout [Action]
    ) -> Slice<UnsafeRawBufferPointer> {
        var input = input
        while phase == .open, !isWaitingForRoom {
            if waiting != nil, !beginWaiting(&actions) { return input }
            switch frames.next(&input) {
            case .needsBytes:
                frameBegin = frames.isInside ? frameBegin ?? now : nil
                return input
            case .needsRoom(let byteCount):
                frameBegin = frameBegin ?? now
                isWaitingForRoom = true
                actions.append(.reserve(byteCount: byteCount))
            case .refused(let reason): close(reason, &actions)
            case .frame(let frame, let granted):
                frameBegin = nil
                accept(frame, granted, &actions)
            }
        }
        return input
    }

    private mutating func accept(_ frame: [UInt8], _ granted: Int, _ actions: inout [Action]) {
        let header = frame.withUnsafeBytes { bytes in
            Result { () throws(RequestHeader.Failure) in try RequestHeader(reading: bytes, apis) }
        }
        switch header {
        case .success(let header):
            waiting = Waiting(header: header, frame: frame, grantedByteCount: granted)
        case .failure(let failure):
            if granted > 0 { actions.append(.release(byteCount: granted)) }
            close(failure.words, &actions)
        }
    }

    /// Begins the request that waits; false while its turn has not come.
    private mutating func beginWaiting(_ actions: inout [Action]) -> Bool {
        guard let header = waiting?.header, isTurn(of: header), var request = waiting.take() else {
            return false
        }
        let number = nextNumber
        nextNumber += 1
        slots.append(
            Slot(
                number: number,
                header: header,
                grantedByteCount: request.grantedByteCount,
                answer: nil
            )
        )
        request.frame.removeFirst(header.byteCount)
        let handled = APIRequest(
            apiKey: header.apiKey,
            version: header.version,
            clientID: header.clientID,
            connection: identity,
            body: request.frame
        )
        actions.append(.handle(handled, number: number))
        return true
    }

    private func isTurn(of header: RequestHeader) -> Bool {
        guard unsentByteCount <= configuration.unreadByteCount else { return false }
        guard let last = slots.last else { return true }
        return last.header.apiKey == header.apiKey && slots.count < configuration.inFlightLimit
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
                let frame = ResponseFrame.pieces(
                    pieces,
                    of: first.header,
                    isFlexible: apis[first.header.apiKey]?.isFlexible(first.header.version) ?? false
                )
                guard let frame else { return close("an answer above 2 GiB", &actions) }
                if unsentByteCount == 0 { lastProgress = now }
                unsentByteCount += frame.reduce(0) { $0 + $1.count }
                actions.append(.write(frame))
            }
        }
    }

    private mutating func finishDraining(_ actions: inout [Action]) {
        guard phase == .draining, slots.isEmpty, unsentByteCount == 0 else { return }
        phase = .closed
        actions.append(.close(reason: nil))
    }

    private mutating func close(_ reason: String, _ actions: inout [Action]) {
        guard phase != .closed else { return }
        phase = .closed
        actions.append(.close(reason: reason))
    }
}
