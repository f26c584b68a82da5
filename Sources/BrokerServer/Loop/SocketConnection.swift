import BrokerAPI
import CUV
import Security

/// A connection's socket. Touched by its loop's thread alone.
final class SocketConnection {
    let number: UInt64
    let mailbox = RequestWorkers.Mailbox()
    var machine: ConnectionMachine
    /// Lives until the loop has closed it.
    let handle: StreamHandle
    unowned let loop: ServerLoop
    /// What the socket is to send.
    private var outbox = Outbox()
    /// What is between the machine and the outbox; nil where nothing is encrypted.
    private var layer: TLSLayer?
    /// Nothing can be sent any more: the other end is gone, or nothing can be encrypted for it.
    private(set) var isDeaf = false
    /// What is counted of its answers among those of all connections.
    var countedByteCount = 0
    /// A copy of the outbox's begin that the loop is sending.
    private var isSending = false
    /// What that copy holds.
    private var sendingByteCount = 0
    private var isClosing = false

    init(
        _ machine: ConnectionMachine,
        _ handle: StreamHandle,
        _ layer: TLSLayer?,
        of loop: ServerLoop
    ) {
        self.layer = layer
        number = machine.identity.number
        self.machine = machine
        self.handle = handle
        self.loop = loop
        // SAFETY: balanced when the handle is closed.
        handle.handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// SAFETY: `data` is the connection that `init` put there, which lives until the handle closed.
    static func of(_ data: UnsafeMutableRawPointer) -> SocketConnection {
        Unmanaged<SocketConnection>.fromOpaque(data).takeUnretainedValue()
    }

    // MARK: Reading

    func setReading(_ reads: Bool) {
        guard !isClosing else { return }
        let stream = handle.stream
        guard reads else {
            uv_read_stop(stream)
            return
        }
        uv_read_start(
            stream,
            { handle, _, buffer in
                guard let data = handle?.pointee.data, let buffer else { return }
                buffer.pointee = SocketConnection.of(data).loop.readBuffer
            },
            { stream, count, buffer in
                guard let data = stream?.pointee.data, let buffer else { return }
                SocketConnection.of(data).didRead(count, buffer.pointee.base)
            }
        )
    }

    private func didRead(_ count: Int, _ base: UnsafeMutablePointer<CChar>?) {
        guard !isClosing else { return }
        if count > 0 {
            let bytes = UnsafeRawBufferPointer(start: base, count: count)
            if layer == nil { loop.received(bytes, on: self) } else { decrypt(bytes) }
        } else if count < 0 {
            if count != Int(UV_EOF.rawValue) { stopSending() }
            loop.fellSilent(self)
        }
    }

    private func decrypt(_ bytes: UnsafeRawBufferPointer) {
        guard var secure = layer.take() else { return }
        let wasOpen = secure.isOpen
        var outgoing: [UInt8] = []
        let plain: [UInt8]
        do throws(TLSError) {
            plain = try secure.receive(bytes, &outgoing)
            try secure.noteOwn(outgoing.count)
            layer = secure
        } catch {
            // The other end is told why, if it reads.
            outbox.add([outgoing])
            _ = flush()
            stopSending()
            return loop.fellSilent(self)
        }
        outbox.add([outgoing])
        if !wasOpen, secure.isOpen { machine.secured(as: secure.principal) }
        plain.withUnsafeBytes { loop.received($0, on: self) }
        if secure.isEnded { loop.fellSilent(self) }
    }

    // MARK: Writing

    /// What it holds beside what is not sent yet.
    var retainedByteCount: Int {
        outbox.retainedByteCount + (layer?.retainedByteCount ?? 0) + sendingByteCount
    }

    func write(_ pieces: [[UInt8]]) {
        // A layer that failed is gone: nothing of it may go out plain.
        guard !isDeaf else { return }
        if layer == nil { outbox.add(pieces) } else { layer?.add(pieces) }
    }

    /// Has the next bytes encrypted where the socket has taken those before; returns how many plain
    /// ones it has taken by that.
    private func encryptNext() -> Int {
        guard outbox.isEmpty, layer != nil, !isDeaf else { return 0 }
        do throws(TLSError) {
            guard let (settled, bytes) = try layer?.next() else { return 0 }
            outbox.add([bytes])
            return settled
        } catch {
            stopSending()
            return 0
        }
    }

    /// Sends what it can without waiting; returns the number of the machine's bytes, nil where
    /// nothing moved.
    func flush() -> Int? {
        guard !isSending, !isClosing, !isDeaf else { return nil }
        var (sent, moved) = (encryptNext(), false)
        let isPlain = layer == nil
        let stream = handle.stream
        while !outbox.isEmpty {
            let (offered, result) = outbox.withBuffers { buffers in
                let offered = buffers.reduce(0) { $0 + $1.len }
                return (
                    offered,
                    uv_try_write(stream, buffers.baseAddress, UInt32(buffers.count))
                )
            }
            if result > 0 {
                outbox.drop(Int(result))
                moved = true
                if isPlain { sent += Int(result) } else { sent += encryptNext() }
            }
            if Int(result) == offered { continue }
            sendSoon()
            break
        }
        return moved || sent > 0 ? sent : nil
    }

    /// One write that the loop finishes when the socket takes more. Its bytes are a copy: they
    /// must stay where they are until then.
    private final class PendingWrite {
        let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
        let bytes: UnsafeMutableRawBufferPointer
        let connection: SocketConnection

        init(_ bytes: UnsafeMutableRawBufferPointer, _ connection: SocketConnection) {
            self.bytes = bytes
            self.connection = connection
        }

        deinit {
            request.deallocate()
            bytes.deallocate()
        }
    }

    /// What is copied for one write at most.
    private static let pendingByteCount = 256 << 10

    private func sendSoon() {
        isSending = true
        let write = PendingWrite(outbox.copyBegin(Self.pendingByteCount), self)
        sendingByteCount = write.bytes.count
        // SAFETY: balanced in the callback, which comes for every write that was accepted.
        write.request.pointee.data = Unmanaged.passRetained(write).toOpaque()
        var buffer = uv_buf_init(
            write.bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
            UInt32(write.bytes.count)
        )
        let result = uv_write(write.request, handle.stream, &buffer, 1) { request, status in
            guard let data = request?.pointee.data else { return }
            // SAFETY: the write retained above.
            let write = Unmanaged<PendingWrite>.fromOpaque(data).takeRetainedValue()
            write.connection.didSend(write.bytes.count, status)
        }
        guard result != 0 else { return }
        // SAFETY: no callback comes.
        if let data = write.request.pointee.data {
            Unmanaged<PendingWrite>.fromOpaque(data).release()
        }
        isSending = false
        sendingByteCount = 0
        stopSending()
    }

    private func didSend(_ byteCount: Int, _ status: Int32) {
        isSending = false
        sendingByteCount = 0
        guard !isClosing else { return }
        guard status == 0 else {
            stopSending()
            return loop.sent(0, on: self)
        }
        if !isDeaf { outbox.drop(byteCount) }
        // Of encrypted bytes it is not known yet how many plain ones they are.
        loop.sent(layer == nil ? byteCount : 0, on: self)
    }

    /// Drops what is to be sent.
    private func stopSending() {
        isDeaf = true
        outbox = Outbox()
    }

    // MARK: Closing

    func close() {
        guard !isClosing else { return }
        if let layer, layer.isOpen, !isSending, !isDeaf, outbox.isEmpty {
            outbox.add([layer.end()])
            _ = flush()
        }
        isClosing = true
        mailbox.close()
        outbox = Outbox()
        uv_close(handle.handle) { handle in
            guard let handle, let data = handle.pointee.data else { return }
            // SAFETY: the connection retained in `init`, and its handle, which is closed now.
            let connection = Unmanaged<SocketConnection>.fromOpaque(data).takeRetainedValue()
            connection.handle.free()
        }
    }
}
