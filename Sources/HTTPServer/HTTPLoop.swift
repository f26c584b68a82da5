import CMicroHTTPD
import Glibc
import Synchronization

/// Polls the daemon and answers its requests.
///
/// SAFETY: `@unchecked` because everything but `isStopping` and the descriptor that wakes the loop
/// belongs to the loop's thread, and to the one that starts it before there is that thread.
final class HTTPLoop: @unchecked Sendable {
    private let configuration: HTTPConfiguration
    private let answer: @Sendable (HTTPRequest) -> HTTPResponse
    private let isStopping = Atomic(false)
    private let wake: (reader: Int32, writer: Int32)
    private var daemon: OpaquePointer?
    private var deadlines: ConnectionDeadlines

    /// How often late connections are looked for.
    private static let tickMilliseconds: UInt64 = 500
    /// Connections above the limit that may be there until others have gone for them.
    private static let surplusLimit = 32

    init(
        _ configuration: HTTPConfiguration,
        _ answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws(HTTPServerError) {
        self.configuration = configuration
        self.answer = answer
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .noPipe(reason: String(cString: strerror(errno))) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        wake = (ends[0], ends[1])
        deadlines = ConnectionDeadlines(
            timeoutNanoseconds: Self.nanoseconds(configuration.requestTimeout)
        )
    }

    deinit {
        close(wake.reader)
        close(wake.writer)
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        let whole = min(UInt64(clamping: seconds), 1 << 32)
        return whole * 1_000_000_000 + UInt64(clamping: attoseconds / 1_000_000_000)
    }

    // MARK: Starting, running, ending

    /// Takes over a socket that listens.
    func start(on listener: Int32) throws(HTTPServerError) {
        // SAFETY: the daemon is stopped at the end of `run`, which the server waits for.
        let itself = Unmanaged.passUnretained(self).toOpaque()
        daemon = millrace_http_start(
            listener,
            UInt32(clamping: configuration.connectionLimit + Self.surplusLimit),
            configuration.connectionByteLimit,
            UInt32(clamping: max(1, configuration.idleTimeout.components.seconds)),
            { owner, connection, path, method, _, _, _, mark in
                guard let owner, let connection, let path, let method, let mark else {
                    return millrace_http_no()
                }
                return HTTPLoop.of(owner).handle(connection, path, method, mark)
            },
            { owner, connection, _, change in
                guard let owner, let connection else { return }
                HTTPLoop.of(owner).noteConnection(
                    connection,
                    isOpen: millrace_http_begins(change) != 0
                )
            },
            { owner, connection, _, _ in
                guard let owner, let connection else { return }
                HTTPLoop.of(owner).noteConnection(connection, isOpen: true)
            },
            itself
        )
        guard daemon != nil else { throw .noDaemon }
    }

    private static func of(_ owner: UnsafeMutableRawPointer) -> HTTPLoop {
        // SAFETY: the pointer of `start`.
        Unmanaged.fromOpaque(owner).takeUnretainedValue()
    }

    /// Answers until a stop is asked for; then closes everything.
    func run() {
        guard let daemon else { return }
        let descriptor = millrace_http_descriptor(daemon)
        while !isStopping.load(ordering: .acquiring) {
            var wait = Self.tickMilliseconds
            var due: UInt64 = 0
            if MHD_get_timeout(daemon, &due) == millrace_http_yes() { wait = min(wait, due) }
            var polled = [
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake.reader, events: Int16(POLLIN), revents: 0),
            ]
            poll(&polled, nfds_t(polled.count), Int32(clamping: wait))
            MHD_run(daemon)
            let now = Self.now
            let leaving =
                deadlines.takeOverdue(at: now)
                + deadlines.takeExcess(
                    above: configuration.connectionLimit,
                    at: now,
                    hasSaid: Self.hasUnreadBytes
                )
            // The daemon sees that they are closed, and lets them go.
            for socket in leaving { shutdown(socket, Int32(SHUT_RDWR)) }
        }
        MHD_stop_daemon(daemon)
    }

    /// Safe to use from any thread.
    func requestStop() {
        isStopping.store(true, ordering: .releasing)
        var byte: UInt8 = 0
        // A pipe that is full wakes the loop all the same.
        write(wake.writer, &byte, 1)
    }

    private static func hasUnreadBytes(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    // MARK: The daemon's calls

    private func noteConnection(_ connection: OpaquePointer, isOpen: Bool) {
        let socket = millrace_http_socket(connection)
        if isOpen { deadlines.begin(socket, at: Self.now) } else { deadlines.end(socket) }
    }

    /// Called once for the headers of a request and once more at its end: `mark` tells which.
    private func handle(
        _ connection: OpaquePointer,
        _ path: UnsafePointer<CChar>,
        _ method: UnsafePointer<CChar>,
        _ mark: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    ) -> MHD_Result {
        if mark.pointee == nil {
            // An answer at the headers closes the connection: what comes behind them is not read.
            if let refusal = refusal(of: connection, method: String(cString: method)) {
                return send(refusal, on: connection)
            }
            mark.pointee = UnsafeMutableRawPointer(connection)
            return millrace_http_yes()
        }
        let request = HTTPRequest(
            path: String(cString: path),
            accept: header("Accept", of: connection) ?? ""
        )
        return send(answer(request), on: connection)
    }

    private func refusal(of connection: OpaquePointer, method: String) -> HTTPResponse? {
        guard method == "GET" || method == "HEAD" else {
            return HTTPResponse(
                status: 405,
                line: "there are only things to read here: GET or HEAD",
                headers: ["Allow": "GET, HEAD"]
            )
        }
        let length = header("Content-Length", of: connection) ?? "0"
        guard length == "0", header("Transfer-Encoding", of: connection) == nil else {
            return HTTPResponse(status: 413, line: "a request has no body here")
        }
        if let host = header("Host", of: connection), !configuration.acceptsHost(host) {
            return HTTPResponse(status: 403, line: "this server is not of that name")
        }
        return nil
    }

    private func header(_ name: String, of connection: OpaquePointer) -> String? {
        millrace_http_header(connection, name).map { String(cString: $0) }
    }

    private func send(_ answer: HTTPResponse, on connection: OpaquePointer) -> MHD_Result {
        var body = answer.body
        let made = body.withUnsafeMutableBytes { bytes in
            millrace_http_response(bytes.count, bytes.baseAddress)
        }
        guard let made else { return millrace_http_no() }
        deadlines.answer(millrace_http_socket(connection))
        defer { MHD_destroy_response(made) }
        let headers = HTTPResponse.everywhere.merging(answer.headers) { _, own in own }
        for (name, value) in headers { MHD_add_response_header(made, name, value) }
        MHD_add_response_header(made, "Content-Type", answer.contentType)
        return MHD_queue_response(connection, answer.status, made)
    }
}
