import COpenSSL
import Glibc

/// What the sessions of a listener or of a client have in common: certificates and rules. TLS 1.2
/// and later, no renegotiation, no compression, no sessions that are taken up again.
///
/// SAFETY: `@unchecked` because OpenSSL's contexts are counted and locked by itself, and nothing of
/// one changes after it was made.
package final class TLSContext: @unchecked Sendable {
    /// Whether clients show a certificate (`ssl.client.auth`).
    package enum ClientAuthentication: String, CaseIterable, Sendable {
        case none
        case requested
        case required
    }

    package enum Role: Sendable {
        case server
        case client
    }

    let handle: OpaquePointer
    let role: Role

    private init(_ role: Role) throws(TLSError) {
        ERR_clear_error()
        let method = role == .server ? TLS_server_method() : TLS_client_method()
        guard let handle = SSL_CTX_new(method) else {
            throw .system(TLSError.takeWords(otherwise: "there is no memory"))
        }
        self.handle = handle
        self.role = role
        _ = millrace_ssl_ctx_set_minimum_version(handle, TLS1_2_VERSION)
        millrace_ssl_ctx_restrict(handle)
        // A client need not be told of tickets that it cannot use.
        SSL_CTX_set_num_tickets(handle, 0)
        millrace_ssl_ctx_release_buffers(handle)
        millrace_ssl_ctx_keep_no_sessions(handle)
        // Nobody sits there who could be asked for a password.
        SSL_CTX_set_default_passwd_cb(handle) { _, _, _, _ in 0 }
    }

    deinit { SSL_CTX_free(handle) }

    /// Of a listener: the key and the chain lie in one PEM file, and whom it trusts in another.
    package static func server(
        keystore: String,
        truststore: String?,
        _ authentication: ClientAuthentication
    ) throws(TLSError) -> TLSContext {
        let context = try TLSContext(.server)
        try context.use(keystore: keystore)
        guard authentication != .none else { return context }
        guard let truststore else {
            throw .file("ssl.truststore.location", "is needed to check clients' certificates")
        }
        try context.trust(truststore)
        SSL_CTX_set_client_CA_list(context.handle, SSL_load_client_CA_file(truststore))
        let force = authentication == .required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
        SSL_CTX_set_verify(context.handle, SSL_VERIFY_PEER | force, nil)
        return context
    }

    /// Of a client, which trusts those of `truststore`, or whom the machine trusts.
    package static func client(
        truststore: String?,
        keystore: String?
    ) throws(TLSError) -> TLSContext {
        let context = try TLSContext(.client)
        if let truststore {
            try context.trust(truststore)
        } else {
            SSL_CTX_set_default_verify_paths(context.handle)
        }
        if let keystore { try context.use(keystore: keystore) }
        SSL_CTX_set_verify(context.handle, SSL_VERIFY_PEER, nil)
        return context
    }

    // MARK: Files

    private func use(keystore path: String) throws(TLSError) {
        try Self.requireReadable(path)
        guard SSL_CTX_use_certificate_chain_file(handle, path) == 1 else {
            throw .file(path, "has no certificate: \(Self.words)")
        }
        guard SSL_CTX_use_PrivateKey_file(handle, path, SSL_FILETYPE_PEM) == 1 else {
            let words = Self.words
            throw .file(path, "has no private key without a password that fits: \(words)")
        }
        guard SSL_CTX_check_private_key(handle) == 1 else {
            throw .file(path, "has a key that is not its certificate's: \(Self.words)")
        }
        // Of a client's the server judges, by its own clock.
        guard role == .server else { return }
        guard let certificate = SSL_CTX_get0_certificate(handle) else {
            throw .file(path, "has no certificate")
        }
        // Negative for a time that is over, positive for one to come.
        if X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0 {
            throw .file(path, "has a certificate that is not valid any more")
        }
        if X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0 {
            throw .file(path, "has a certificate that is not valid yet")
        }
    }

    private func trust(_ path: String) throws(TLSError) {
        try Self.requireReadable(path)
        guard SSL_CTX_load_verify_file(handle, path) == 1 else {
            throw .file(path, "has no certificates to trust: \(Self.words)")
        }
        // As in Java each certificate of a truststore is an anchor, one of an authority that
        // another has signed too.
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(handle), UInt(X509_V_FLAG_PARTIAL_CHAIN))
    }

    private static func requireReadable(_ path: String) throws(TLSError) {
        ERR_clear_error()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw .file(path, "cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
            throw .file(path, "cannot be read: \(String(cString: strerror(EISDIR)))")
        }
    }

    private static var words: String {
        TLSError.takeWords(otherwise: "it is no PEM file of that kind")
    }
}
