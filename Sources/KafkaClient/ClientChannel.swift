import Security

/// A connection's bytes, encrypted where that is asked for, over a socket that blocks. Used by one
/// thread.
final class ClientChannel {
    /// Why there is none.
    enum Failure: Error, Equatable {
        case socket(StreamSocket.Failure)
        /// The other end is not whom it should be, or does not speak TLS.
        case insecure(String)
    }

    private let socket: StreamSocket
    private let session: TLSSession?
    /// Decrypted, and not asked for yet.
    private var plain: [UInt8] = []

    /// Connects, and agrees on keys where `security` has some.
    init(
        to address: KafkaAddress,
        _ security: ClientSecurity,
        until deadline: Deadline
    ) throws(Failure) {
        do throws(StreamSocket.Failure) {
            socket = try StreamSocket.connect(to: address, until: deadline)
        } catch { throw .socket(error) }
        guard let context = security.context, case .network(let host, _) = address else {
            session = nil
            return
        }
        let made: TLSSession
        do throws(TLSError) {
            made = try TLSSession(context, host: security.checksHostName ? host : nil)
            try made.begin()
        } catch { throw .insecure(error.description) }
        session = made
        while !made.isOpen {
            do throws(StreamSocket.Failure) {
                try socket.send(made.takeOutgoing(), until: deadline)
                try decrypt(try socket.receiveSome(until: deadline), made)
            } catch {
                // A refusal that TLS has words for is told by it.
                if case .system(let words) = error { throw .insecure(words) }
                throw error == .closed
                    ? .insecure("it ended the connection before there were keys") : .socket(error)
            }
        }
        do throws(StreamSocket.Failure) {
            try socket.send(made.takeOutgoing(), until: deadline)
        } catch { throw .socket(error) }
    }

    func send(_ bytes: [UInt8], until deadline: Deadline) throws(StreamSocket.Failure) {
        guard let session else { return try socket.send(bytes, until: deadline) }
        let sent = bytes.withUnsafeBytes { bytes in
            Result { () throws(TLSError) in try session.send(bytes) }
        }
        if case .failure(let error) = sent { throw .system(error.description) }
        try socket.send(session.takeOutgoing(), until: deadline)
    }

    /// Adds `count` bytes to `bytes`.
    func receive(
        _ count: Int,
        into bytes: inout [UInt8],
        until deadline: Deadline
    ) throws(StreamSocket.Failure) {
        guard let session else {
            return try socket.receive(count, into: &bytes, until: deadline)
        }
        var missing = count
        while missing > 0 {
            if plain.isEmpty {
                guard !session.isEnded else { throw .closed }
                try decrypt(try socket.receiveSome(until: deadline), session)
                continue
            }
            let taken = plain.prefix(missing)
            bytes += taken
            missing -= taken.count
            plain.removeFirst(taken.count)
        }
    }

    /// Whether the other end has closed the connection, or said what nobody asked for.
    var isStale: Bool {
        guard let session else { return socket.isStale }
        // What the other end says of its keys is no answer.
        while plain.isEmpty, !session.isEnded, socket.isStale {
            do throws(StreamSocket.Failure) {
                let now = Deadline(after: .zero)
                try decrypt(try socket.receiveSome(until: now), session)
            } catch { return true }
        }
        return !plain.isEmpty || session.isEnded
    }

    private func decrypt(
        _ bytes: [UInt8],
        _ session: TLSSession
    ) throws(StreamSocket.Failure) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(TLSError) in try session.receive(bytes) }
        }
        switch result {
        case .success(let more): plain += more
        case .failure(let error): throw .system(error.description)
        }
    }
}
