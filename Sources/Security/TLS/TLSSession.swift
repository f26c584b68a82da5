import COpenSSL

/// One end of an encrypted connection, between bytes as they travel and bytes as they are meant:
/// OpenSSL over two buffers in memory. Knows no socket; used by one thread.
package final class TLSSession {
    private let session: OpaquePointer
    /// What came, and was not looked at yet; what is to be sent. Both are the session's.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    /// Both ends agree on the keys.
    package private(set) var isOpen = false
    /// The other end has said that it says no more.
    package private(set) var isEnded = false

    /// Plain bytes of a record at most.
    private static let recordByteLimit = 16_384

    /// A client names the host that it means, whose certificate the other end must have; nil checks
    /// no name.
    package init(_ context: TLSContext, host: String? = nil) throws(TLSError) {
        ERR_clear_error()
        guard let session = SSL_new(context.handle) else {
            throw .system(TLSError.takeWords(otherwise: "there is no memory"))
        }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(session)
            throw .system("there is no memory")
        }
        SSL_set_bio(session, incoming, outgoing)
        self.session = session
        self.incoming = incoming
        self.outgoing = outgoing
        switch context.role {
        case .server: SSL_set_accept_state(session)
        case .client: SSL_set_connect_state(session)
        }
        if let host { try expect(host) }
    }

    deinit { SSL_free(session) }

    private func expect(_ host: String) throws(TLSError) {
        let rules = SSL_get0_param(session)
        if X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1 { return }
        ERR_clear_error()
        guard SSL_set1_host(session, host) == 1,
            millrace_ssl_set_server_name(session, host) == 1
        else { throw .session("'\(host)' is no name that a certificate could have") }
    }

    // MARK: Bytes

    /// Begins the handshake: a client has to say something first.
    package func begin() throws(TLSError) { try shakeHands() }

    /// Takes what came from the other end; returns what it means. Where this throws, there may be
    /// bytes to send that tell the other end why.
    package func receive(_ bytes: UnsafeRawBufferPointer) throws(TLSError) -> [UInt8] {
        ERR_clear_error()
        if !bytes.isEmpty {
            let taken = BIO_write(incoming, bytes.baseAddress, Int32(clamping: bytes.count))
            guard Int(taken) == bytes.count else { throw .session("there is no memory") }
        }
        if !isOpen {
            try shakeHands()
            guard isOpen else { return [] }
        }
        var plain: [UInt8] = []
        while !isEnded {
            let before = plain.count
            plain.append(contentsOf: repeatElement(0, count: Self.recordByteLimit))
            let count = plain.withUnsafeMutableBytes { buffer in
                SSL_read(
                    session,
                    buffer.baseAddress.map { $0 + before },
                    Int32(Self.recordByteLimit)
                )
            }
            plain.removeLast(Self.recordByteLimit - max(Int(count), 0))
            if count > 0 { continue }
            switch SSL_get_error(session, count) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return plain
            case SSL_ERROR_ZERO_RETURN: isEnded = true
            default: throw .session(words)
            }
        }
        return plain
    }

    /// Encrypts what is to be sent.
    package func send(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        precondition(isOpen, "bytes to send before there are keys")
        guard !bytes.isEmpty else { return }
        ERR_clear_error()
        let count = Int32(clamping: bytes.count)
        guard Int(count) == bytes.count, SSL_write(session, bytes.baseAddress, count) == count
        else { throw .session(words) }
    }

    /// What has to travel to the other end now.
    package func takeOutgoing() -> [UInt8] {
        let count = Int(BIO_ctrl_pending(outgoing))
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let got = BIO_read(outgoing, buffer.baseAddress, Int32(clamping: count))
            initialized = max(Int(got), 0)
        }
    }

    /// Tells the other end that no more comes.
    package func end() {
        ERR_clear_error()
        if isOpen { SSL_shutdown(session) }
        ERR_clear_error()
    }

    private func shakeHands() throws(TLSError) {
        ERR_clear_error()
        let result = SSL_do_handshake(session)
        guard result != 1 else {
            isOpen = true
            return
        }
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return
        default: throw .session(words)
        }
    }

    /// What went wrong: with the certificate of the other end, or else.
    private var words: String {
        let verdict = SSL_get_verify_result(session)
        guard verdict == Int(X509_V_OK) else {
            ERR_clear_error()
            return "its certificate is not trusted: "
                + String(cString: X509_verify_cert_error_string(verdict))
        }
        return TLSError.takeWords(otherwise: "the other end does not speak TLS")
    }

    // MARK: The other end

    /// The subject of the certificate that the other end has shown, as Java writes it; nil where it
    /// has shown none.
    package var peerSubject: String? {
        guard let certificate = SSL_get1_peer_certificate(session) else { return nil }
        defer { X509_free(certificate) }
        return DistinguishedName.text(of: X509_get_subject_name(certificate))
    }
}
