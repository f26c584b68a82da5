import BrokerAPI
import BrokerServer
import Security
import Terminal

/// What listeners and settings must have of each other before anybody is served: each setting means
/// something, and beyond this machine nobody is let in unasked.
struct ListenerRules {
    private let listeners: [ListenerConfiguration]
    private let settings: ServerSettings

    init(_ listeners: [ListenerConfiguration], _ settings: ServerSettings) {
        self.listeners = listeners
        self.settings = settings
    }

    func check(isInsecureAllowed: Bool) throws(CommandFailure) {
        try checkNames()
        try checkSettings()
        for listener in listeners {
            try checkCertificates(of: listener)
            try checkPasswords(of: listener)
            guard !isInsecureAllowed, !listener.address.isLoopback else { continue }
            try checkProtection(of: listener)
        }
    }

    /// A listener has the name of its protocol.
    private func checkNames() throws(CommandFailure) {
        for (index, listener) in listeners.enumerated()
        where listeners[..<index].contains(where: { $0.name == listener.name }) {
            throw CommandFailure(
                "two listeners are called \(listener.name)",
                reason: "a listener has the name of its protocol, by which advertised.listeners "
                    + "and clients know it",
                next: "one --listen of each of \(SecurityProtocol.names)",
                status: .usage
            )
        }
        let names = listeners.map(\.name)
        for name in settings.api.advertisedAddresses.keys.sorted() where !names.contains(name) {
            throw CommandFailure(
                "advertised.listeners names \(name), which no --listen has",
                next: "--listen \(name)://HOST:PORT, or another advertised.listeners",
                status: .usage
            )
        }
    }

    /// A setting without a listener that it is for would say that something is safe that is not.
    private func checkSettings() throws(CommandFailure) {
        let usesTLS = listeners.contains { $0.security.usesTLS }
        let uses: [(names: [String], isUsed: Bool, reason: String, next: String)] = [
            (
                ["ssl.keystore.location", "ssl.keystore.type"], usesTLS,
                "no listener is encrypted", "--listen SASL_SSL://127.0.0.1:9093"
            ),
            (
                ["ssl.client.auth"], listeners.contains { $0.security == .ssl },
                "only a listener of the protocol SSL knows clients by their certificates",
                "--listen SSL://127.0.0.1:9093"
            ),
            (
                ["ssl.truststore.location", "ssl.truststore.type"],
                settings.clientAuthentication != .none,
                "it has the authorities of clients' certificates, which are not asked for",
                "ssl.client.auth=required"
            ),
            (
                ["sasl.enabled.mechanisms"], listeners.contains { $0.security.usesSASL },
                "no listener asks who connects", "--listen SASL_SSL://127.0.0.1:9093"
            ),
        ]
        for use in uses where !use.isUsed {
            guard let name = use.names.first(where: settings.given.contains) else { continue }
            throw CommandFailure(
                "\(name) would do nothing",
                reason: use.reason,
                next: use.next,
                status: .usage
            )
        }
    }

    private func checkCertificates(
        of listener: ListenerConfiguration
    ) throws(CommandFailure) {
        guard listener.security.usesTLS else { return }
        guard let certificates = settings.security.certificates else {
            throw CommandFailure(
                "the listener \(listener) has no certificate",
                next: "--config ssl.keystore.location=FILE, a PEM file with the private key and "
                    + "the certificate chain",
                status: .usage
            )
        }
        do throws(TLSError) {
            _ = try certificates.context(for: listener.security)
        } catch {
            throw CommandFailure(
                "the listener \(listener) cannot be encrypted",
                place: place(of: error, certificates),
                reason: error.description,
                next: next(after: error, certificates),
                status: .usage
            )
        }
    }

    /// The setting that names the file.
    private func place(
        of error: TLSError,
        _ certificates: ServerSecurity.Certificates
    ) -> String? {
        guard case .file(let path, _) = error else { return nil }
        return switch path {
        case certificates.keystore: "ssl.keystore.location"
        case certificates.truststore: "ssl.truststore.location"
        default: nil
        }
    }

    private func next(
        after error: TLSError,
        _ certificates: ServerSecurity.Certificates
    ) -> String? {
        guard case .file(let path, _) = error else { return nil }
        if path == certificates.keystore {
            return "--config ssl.keystore.location=FILE, a PEM file that this user may read, with "
                + "the private key and the certificate chain"
        }
        return
            "--config ssl.truststore.location=FILE, a PEM file of the authorities that this user "
            + "may read"
    }

    /// PLAIN shows the password to whoever listens in.
    private func checkPasswords(of listener: ListenerConfiguration) throws(CommandFailure) {
        guard listener.security == .saslPlaintext, !listener.address.isLoopback,
            settings.api.saslMechanisms.contains(.plain)
        else { return }
        throw CommandFailure(
            "passwords would cross the network in the clear on \(listener)",
            reason: "PLAIN sends them as they are, and the listener is not encrypted",
            next: "--listen SASL_SSL://\(listener.address), or leave PLAIN out of "
                + "sasl.enabled.mechanisms",
            status: .usage
        )
    }

    private func checkProtection(of listener: ListenerConfiguration) throws(CommandFailure) {
        let loopback = ListenerConfiguration(
            ListenAddress(host: "127.0.0.1", port: listener.address.port),
            listener.security
        )
        let reason: String
        switch listener.security {
        case .saslSSL: return
        case .ssl:
            guard settings.clientAuthentication != .required else { return }
            reason =
                "it is encrypted, but without ssl.client.auth=required it lets anybody in: "
                + "whoever reaches the port may read, write and delete everything"
        case .saslPlaintext:
            reason =
                "it asks who connects, but is not encrypted: whoever listens in reads everything, "
                + "and may take a connection over"
        case .plaintext:
            reason =
                "there is neither encryption nor authentication: whoever reaches the port may "
                + "read, write and delete everything"
        }
        throw CommandFailure(
            "nothing protects the log on \(listener)",
            reason: reason,
            next: "--listen \(loopback), --listen SASL_SSL://\(listener.address), or add "
                + "--insecure-listen",
            status: .usage
        )
    }
}
