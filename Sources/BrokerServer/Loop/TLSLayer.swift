import Security

/// The encryption between a connection and its socket. What is to be sent is encrypted when the
/// socket has taken what was before it, so that no more than `flightByteCount` lies there twice.
struct TLSLayer {
    private let session: TLSSession
    /// Plain, and not encrypted yet.
    private var waiting = Outbox()
    /// Plain bytes whose encrypted form the socket has not taken yet.
    private var flightByteCount = 0
    /// Encrypted bytes that nobody asked to be sent, since the socket was last empty: handshakes,
    /// and answers to what the other end does with its keys.
    private var ownByteCount = 0

    /// What is encrypted at once.
    private static let flightByteLimit = 64 << 10
    /// Who has so many answers to his keys wait is not interested in them.
    private static let ownByteLimit = 256 << 10

    init(_ context: TLSContext) throws(TLSError) { session = try TLSSession(context) }

    /// Plain bytes that are encrypted and still there.
    var retainedByteCount: Int { waiting.retainedByteCount }

    var isOpen: Bool { session.isOpen }

    /// The other end has said that it says no more.
    var isEnded: Bool { session.isEnded }

    /// Who the other end is by its certificate; nil where it has shown none.
    var principal: String? { session.peerSubject.map(Principal.user) }

    /// Takes what came; returns what it means. `outgoing` is to be sent in any case.
    mutating func receive(
        _ bytes: UnsafeRawBufferPointer,
        _ outgoing: inout [UInt8]
    ) throws(TLSError) -> [UInt8] {
        defer { outgoing = session.takeOutgoing() }
        let plain = try session.receive(bytes)
        return plain
    }

    /// Counts what is sent of itself.
    mutating func noteOwn(_ byteCount: Int) throws(TLSError) {
        ownByteCount += byteCount
        guard ownByteCount <= Self.ownByteLimit else {
            throw .session("it changes its keys and reads nothing")
        }
    }

    mutating func add(_ pieces: [[UInt8]]) { waiting.add(pieces) }

    /// The socket has taken everything: how many plain bytes those were, and what it is to take
    /// next.
    mutating func next() throws(TLSError) -> (settled: Int, bytes: [UInt8]) {
        let settled = flightByteCount
        flightByteCount = 0
        ownByteCount = 0
        guard !waiting.isEmpty else { return (settled, []) }
        let plain = waiting.copyBegin(Self.flightByteLimit)
        defer { plain.deallocate() }
        try session.send(UnsafeRawBufferPointer(plain))
        waiting.drop(plain.count)
        flightByteCount = plain.count
        return (settled, session.takeOutgoing())
    }

    /// What tells the other end that no more comes.
    func end() -> [UInt8] {
        session.end()
        return session.takeOutgoing()
    }
}
