package import BrokerAPI
package import Security

extension ConnectionMachine {
    /// What a connection has its surroundings do.
    package enum Action: Sendable {
        /// Asks for memory; `granted` goes on.
        case reserve(byteCount: Int)
        case release(byteCount: Int)
        /// Begins a request; `answered` names the number.
        case handle(APIRequest, number: UInt64)
        /// Looks at a token of somebody who says who it is; `looked` names the number.
        case look(SaslServer, token: [UInt8], number: UInt64)
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
        /// It has not said who it is, or agreed on keys.
        case unauthenticated
    }

    /// What is known of who is at the other end.
    enum OtherEnd: Equatable, Sendable {
        /// Then any of the others.
        case speaking
        /// It says no more, and may read: then `gone`, or the end.
        case silent
        /// It reads no more; what it sent before may still come.
        case gone
    }

    /// A request that is begun and not answered, or whose answer waits for those before it.
    struct Slot: Sendable {
        var number: UInt64
        /// Nil for a bare token, whose answer is one too.
        var header: RequestHeader?
        var grantedByteCount: Int
        var answer: APIAnswer?

        /// The frame of its answer; nil where none is so large.
        func frame(_ pieces: [[UInt8]], _ apis: [Int16: APIEntry]) -> [[UInt8]]? {
            guard let header else { return ResponseFrame.bare(pieces) }
            return ResponseFrame.pieces(
                pieces,
                of: header,
                isFlexible: apis[header.apiKey]?.isFlexible(header.version) ?? false
            )
        }
    }

    /// A whole request whose turn has not come.
    struct Waiting: Sendable {
        /// Nil for a bare token.
        var header: RequestHeader?
        var frame: [UInt8]
        var grantedByteCount: Int
    }

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
            let silence = now &- reader.lastProgress
            let timeout =
                self.isCrowded
                ? configuration.crowdedReaderTimeout : configuration.slowReaderTimeout
            let isSlow =
                self.isCrowded
                && now &- reader.lastStride > configuration.crowdedReaderPeriod.nanoseconds
            return isSlow || silence > timeout.nanoseconds ? .slowReader : nil
        }
        let isIdle = slots.isEmpty && now &- lastActivity > configuration.idleTimeout.nanoseconds
        return isIdle ? .idle : nil
    }

    /// What is given back when the connection ends.
    var grantedByteCount: Int {
        slots.reduce(frames.grantedByteCount + (waiting?.grantedByteCount ?? 0)) {
            $0 + $1.grantedByteCount
        }
    }

    /// Whether it asks for what nobody hears any more.
    func isForNobody(_ header: RequestHeader?) -> Bool {
        otherEnd != .speaking && header.flatMap { apis[$0.apiKey] }?.onlyWaits == true
    }
}
