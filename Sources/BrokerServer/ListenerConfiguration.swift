package import Security

/// A port to listen on, and how it is spoken to.
package struct ListenerConfiguration: Equatable, Sendable, CustomStringConvertible {
    package var address: ListenAddress
    package var security: SecurityProtocol

    package init(_ address: ListenAddress, _ security: SecurityProtocol = .plaintext) {
        self.address = address
        self.security = security
    }

    /// `HOST:PORT`, or with a protocol of Kafka's in front: `SASL_SSL://HOST:PORT`; nil for other
    /// text.
    package init?(_ text: String) {
        var rest = text[...]
        var security = SecurityProtocol.plaintext
        if let end = text.firstRange(of: "://") {
            guard let named = SecurityProtocol(rawValue: String(text[..<end.lowerBound])) else {
                return nil
            }
            security = named
            rest = text[end.upperBound...]
        }
        guard let address = ListenAddress(String(rest)) else { return nil }
        self.init(address, security)
    }

    /// Without the protocol where it is that of Kafka without any.
    package var description: String {
        security == .plaintext ? "\(address)" : "\(security.rawValue)://\(address)"
    }

    /// What clients and settings call it: a listener has the name of its protocol.
    package var name: String { security.rawValue }
}

/// What listeners with encryption or authentication need.
package struct ServerSecurity: Sendable {
    /// The files of `ssl.keystore.location` and `ssl.truststore.location`, and `ssl.client.auth`.
    package struct Certificates: Equatable, Sendable {
        package var keystore: String
        package var truststore: String?
        package var clientAuthentication: TLSContext.ClientAuthentication

        package init(
            keystore: String,
            truststore: String? = nil,
            clientAuthentication: TLSContext.ClientAuthentication = .none
        ) {
            self.keystore = keystore
            self.truststore = truststore
            self.clientAuthentication = clientAuthentication
        }

        /// What a listener of this protocol uses of them: as with Kafka, who logs in by a name need
        /// not show a certificate.
        package func context(for security: SecurityProtocol) throws(TLSError) -> TLSContext {
            try TLSContext.server(
                keystore: keystore,
                truststore: truststore,
                security.usesSASL ? .none : clientAuthentication
            )
        }
    }

    package var certificates: Certificates?

    package init(certificates: Certificates? = nil) { self.certificates = certificates }
}
