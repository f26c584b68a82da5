/// A request for something to read: GET or HEAD, which get the same answer.
package struct HTTPRequest: Equatable, Sendable {
    /// The path without its query, percent signs resolved.
    package var path: String
    /// The header `Accept`; empty where there is none.
    package var accept: String

    package init(path: String, accept: String = "") {
        self.path = path
        self.accept = accept
    }
}

/// What is answered.
package struct HTTPResponse: Equatable, Sendable {
    package var status: UInt32
    package var contentType: String
    /// Beside the content's type and length, and those that every answer has.
    package var headers: [String: String]
    package var body: [UInt8]

    package init(
        status: UInt32 = 200,
        contentType: String,
        headers: [String: String] = [:],
        body: [UInt8]
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    /// A line for people.
    package init(status: UInt32, line: String, headers: [String: String] = [:]) {
        self.init(
            status: status,
            contentType: "text/plain; charset=utf-8",
            headers: headers,
            body: Array("\(line)\n".utf8)
        )
    }

    /// What a browser is to make of any answer: nothing but what it says it is, seen by nobody
    /// else, kept by nobody.
    static let everywhere: [String: String] = [
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    ]
}

/// What the server allows.
package struct HTTPConfiguration: Sendable {
    /// Connections at a time. Above that the one goes that has waited longest for the rest of its
    /// request: who sends half of one takes no other's place.
    package var connectionLimit = 256
    /// What a request's line and headers may take, and what is written at once.
    package var connectionByteLimit = 32 << 10
    /// A connection on which nothing happens for so long is closed.
    package var idleTimeout = Duration.seconds(15)
    /// A request must have come and its answer be taken within this, however lively its other end.
    package var requestTimeout = Duration.seconds(10)
    /// Whether a request may name this host: a page of elsewhere whose name was made to lead here
    /// names its own.
    package var acceptsHost: @Sendable (String) -> Bool = { _ in true }

    package init() {}
}

/// Why nobody listens.
package enum HTTPServerError: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownHost(String)
    /// The system says no, in its own words.
    case cannotListen(host: String, port: UInt16, reason: String)
    /// The library gives no daemon, or none that can be polled.
    case noDaemon
    /// The system gives no pipe, in its own words.
    case noPipe(reason: String)

    package var description: String {
        switch self {
        case .unknownHost(let host): "the host \(host) is not known"
        case .cannotListen(let host, let port, let reason):
            host.contains(":")
                ? "nobody can listen on [\(host)]:\(port): \(reason)"
                : "nobody can listen on \(host):\(port): \(reason)"
        case .noDaemon: "libmicrohttpd does not start on this system"
        case .noPipe(let reason): "the system gives no pipe: \(reason)"
        }
    }
}
