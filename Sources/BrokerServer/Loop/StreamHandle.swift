import CUV

/// A socket of the loop: a listener's or a connection's, of the network or of this machine alone.
/// Lives until the loop has closed it, and is freed then.
struct StreamHandle {
    enum Kind {
        /// Over TCP.
        case network
        /// A Unix socket, which has a path and no port.
        case local
    }

    let kind: Kind
    private let memory: UnsafeMutableRawPointer

    /// Makes it known to the loop, closed and without an address.
    init(_ kind: Kind, of loop: UnsafeMutablePointer<uv_loop_t>) {
        self.kind = kind
        memory = .allocate(
            byteCount: max(MemoryLayout<uv_tcp_t>.size, MemoryLayout<uv_pipe_t>.size),
            alignment: max(MemoryLayout<uv_tcp_t>.alignment, MemoryLayout<uv_pipe_t>.alignment)
        )
        switch kind {
        case .network:
            uv_tcp_init(loop, memory.bindMemory(to: uv_tcp_t.self, capacity: 1))
        case .local:
            uv_pipe_init(loop, memory.bindMemory(to: uv_pipe_t.self, capacity: 1), 0)
        }
    }

    /// SAFETY: libuv's handles begin with the fields of those that they are kinds of.
    var stream: UnsafeMutablePointer<uv_stream_t> {
        memory.assumingMemoryBound(to: uv_stream_t.self)
    }

    var handle: UnsafeMutablePointer<uv_handle_t> {
        memory.assumingMemoryBound(to: uv_handle_t.self)
    }

    /// Of a `network` handle.
    var tcp: UnsafeMutablePointer<uv_tcp_t> { memory.assumingMemoryBound(to: uv_tcp_t.self) }

    /// Of a `local` handle.
    var pipe: UnsafeMutablePointer<uv_pipe_t> { memory.assumingMemoryBound(to: uv_pipe_t.self) }

    func free() { memory.deallocate() }
}
