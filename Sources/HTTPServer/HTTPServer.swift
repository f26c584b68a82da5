import Glibc
import Threads

/// A small server of HTTP for things to read, on a thread of its own: libmicrohttpd does the
/// protocol, this side the limits. One request is answered at a time.
package final class HTTPServer: Sendable {
    /// The port that it got.
    package let port: UInt16
    private let loop: HTTPLoop
    private let thread: OwnedThread

    /// Listens from here on. `answer` is called by the server's thread and must not wait for
    /// anything that others hold for long.
    package init(
        host: String,
        port: UInt16,
        configuration: HTTPConfiguration = HTTPConfiguration(),
        answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws(HTTPServerError) {
        let loop = try HTTPLoop(configuration, answer)
        let socket = try ListeningSocket.open(host: host, port: port)
        try loop.start(on: socket.descriptor)
        self.port = socket.port
        self.loop = loop
        thread = OwnedThread { loop.run() }
    }

    /// Closes every connection, whatever its other end does, and ends. Once.
    package func stop() {
        loop.requestStop()
        thread.join()
    }
}
