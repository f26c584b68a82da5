import Security

/// A request of a client as it came in: the header read, the body not.
package struct APIRequest: Sendable {
    package let apiKey: Int16
    package let version: Int16
    package let clientID: String?
    /// The connection that it came on.
    package let connection: ConnectionIdentity
    /// The body behind the header, tags of the header passed.
    package let body: [UInt8]

    package init(
        apiKey: Int16,
        version: Int16,
        clientID: String?,
        connection: ConnectionIdentity,
        body: [UInt8]
    ) {
        self.apiKey = apiKey
        self.version = version
        self.clientID = clientID
        self.connection = connection
        self.body = body
    }
}

/// Who speaks: a number that the listener gives once and never again in a process, rising in the
/// order of accepting, and what is known of the other end.
package struct ConnectionIdentity: Hashable, Sendable {
    package let number: UInt64
    /// The address of the other end without its port, for descriptions of groups.
    package let host: String
    /// The address of this end, by which the other one reached it; empty where there is none.
    package let ownHost: String
    /// The name of the listener that it came through; empty where there is none.
    package let listener: String
    /// `User:ANONYMOUS` where nobody authenticated.
    package let principal: String
    /// Whether it comes from the user whose directory the log is: over the directory's own socket,
    /// or from within the process. No rule holds for that user.
    package let isOwner: Bool

    package init(
        number: UInt64,
        host: String,
        ownHost: String = "",
        listener: String = "",
        principal: String = Principal.anonymous,
        isOwner: Bool = false
    ) {
        self.number = number
        self.host = host
        self.ownHost = ownHost
        self.listener = listener
        self.principal = principal
        self.isOwner = isOwner
    }

    /// The same connection, by somebody who has said who it is.
    package func authenticated(as principal: String) -> ConnectionIdentity {
        ConnectionIdentity(
            number: number,
            host: host,
            ownHost: ownHost,
            listener: listener,
            principal: principal,
            isOwner: isOwner
        )
    }
}

/// What becomes of a request.
package enum APIAnswer: Sendable {
    /// The body of the response in pieces, which are written one after the other without joining.
    case body([[UInt8]])
    /// Nothing is written: a produce with `acks` 0.
    case none
    /// The connection is closed: a body that cannot be read, or an API that is not known.
    case close(reason: String)

    /// How many bytes of memory it holds.
    package var byteCount: Int {
        guard case .body(let pieces) = self else { return 0 }
        return pieces.reduce(0) { $0 + $1.count }
    }
}
