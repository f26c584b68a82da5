import Glibc
import LogModel

/// A connected socket that blocks, and never longer than it is given. Used by one thread.
final class StreamSocket {
    /// Why it does nothing more, for a person.
    enum Failure: Error, Equatable {
        case system(String)
        case closed
        case timedOut
        /// Whoever waited was asked to end.
        case stopped

        /// Whether the other end has done something, and not too little.
        var isOfOtherEnd: Bool {
            switch self {
            case .closed, .system: true
            case .timedOut, .stopped: false
            }
        }
    }

    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    // MARK: Connecting

    /// Connects to the first of the addresses behind `address` that answers.
    static func connect(
        to address: KafkaAddress,
        until deadline: Deadline
    ) throws(Failure) -> StreamSocket {
        switch address {
        case .network(let host, let port):
            try connect(host: host, port: port, until: deadline)
        case .local(let folder, let name): try connect(folder: folder, name: name, until: deadline)
        }
    }

    private static func connect(
        host: String,
        port: UInt16,
        until deadline: Deadline
    ) throws(Failure) -> StreamSocket {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(host, "\(port)", &hints, &found)
        guard failure == 0, let found else {
            throw .system(
                "the host '\(host)' is not known (\(String(cString: gai_strerror(failure))))"
            )
        }
        defer { freeaddrinfo(found) }
        var candidate: UnsafeMutablePointer<addrinfo>? = found
        var last = Failure.system("it has no address")
        while let info = candidate?.pointee {
            candidate = info.ai_next
            do throws(Failure) {
                let made = try make(info.ai_family)
                try made.connect(info.ai_addr, info.ai_addrlen, until: deadline)
                var on: Int32 = 1
                let size = socklen_t(MemoryLayout<Int32>.size)
                setsockopt(made.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
                return made
            } catch { last = error }
        }
        throw last
    }

    private static func connect(
        folder: String,
        name: String,
        until deadline: Deadline
    ) throws(Failure) -> StreamSocket {
        let parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { throw lastFailure() }
        defer { close(parent) }
        guard
            var address = Self.address("\(folder)/\(name)")
                ?? Self.address("/proc/self/fd/\(parent)/\(name)")
        else { throw .system(String(cString: strerror(ENAMETOOLONG))) }
        let made = try make(AF_UNIX)
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                Result { () throws(Failure) in
                    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
                    try made.connect(address, size, until: deadline)
                }
            }
        }
        try outcome.get()
        return made
    }

    /// Nil for a path that is too long.
    private static func address(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    private static func make(_ family: Int32) throws(Failure) -> StreamSocket {
        let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(family, Int32(kind), 0)
        guard descriptor >= 0 else { throw lastFailure() }
        return StreamSocket(descriptor: descriptor)
    }

    private func connect(
        _ address: UnsafePointer<sockaddr>?,
        _ length: socklen_t,
        until deadline: Deadline
    ) throws(Failure) {
        if Glibc.connect(descriptor, address, length) == 0 { return }
        guard errno == EINPROGRESS || errno == EINTR else { throw Self.lastFailure() }
        try wait(for: POLLOUT, until: deadline)
        var number: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size)
        guard number == 0 else { throw .system(String(cString: strerror(number))) }
    }

    // MARK: Bytes

    /// Sends all of them.
    func send(_ bytes: [UInt8], until deadline: Deadline) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor,
                    buffer.baseAddress.map { $0 + sent },
                    buffer.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count >= 0 {
                sent += count
            } else {
                try waitAfterRefusal(for: POLLOUT, until: deadline)
            }
        }
    }

    /// Adds `count` bytes to `bytes`, whose memory grows with what came and not with what was
    /// announced.
    func receive(
        _ count: Int,
        into bytes: inout [UInt8],
        until deadline: Deadline
    ) throws(Failure) {
        var missing = count
        while missing > 0 {
            let piece = min(missing, Self.pieceByteCount)
            let before = bytes.count
            bytes.append(contentsOf: repeatElement(0, count: piece))
            let got = bytes.withUnsafeMutableBytes { buffer in
                recv(descriptor, buffer.baseAddress.map { $0 + before }, piece, 0)
            }
            bytes.removeLast(piece - max(got, 0))
            guard got != 0 else { throw .closed }
            if got > 0 {
                missing -= got
            } else {
                try waitAfterRefusal(for: POLLIN, until: deadline)
            }
        }
    }

    /// What comes next, at least a byte.
    func receiveSome(until deadline: Deadline) throws(Failure) -> [UInt8] {
        while true {
            var got = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.someByteCount) { buffer, count in
                got = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                count = max(got, 0)
            }
            if got > 0 { return bytes }
            guard got != 0 else { throw .closed }
            try waitAfterRefusal(for: POLLIN, until: deadline)
        }
    }

    /// How often who waits looks whether it is asked to end.
    private static let lookMilliseconds: Int32 = 200
    private static let pieceByteCount = 256 << 10
    private static let someByteCount = 64 << 10

    /// Whether the other end has closed the connection, or said what nobody asked for.
    var isStale: Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, 0) != 0
    }

    private func waitAfterRefusal(
        for event: Int32,
        until deadline: Deadline
    ) throws(Failure) {
        switch errno {
        case EINTR: return
        case EAGAIN: try wait(for: event, until: deadline)
        case ECONNRESET, EPIPE: throw .closed
        default: throw Self.lastFailure()
        }
    }

    private func wait(for event: Int32, until deadline: Deadline) throws(Failure) {
        while true {
            var watched = pollfd(fd: descriptor, events: Int16(event), revents: 0)
            let count = poll(&watched, 1, min(deadline.millisecondsLeft, Self.lookMilliseconds))
            if count > 0 { return }
            if count == 0 {
                guard deadline.isOver else { continue }
                throw deadline.isStopped ? .stopped : .timedOut
            }
            guard errno == EINTR else { throw Self.lastFailure() }
        }
    }

    private static func lastFailure() -> Failure { .system(String(cString: strerror(errno))) }
}

/// When something must be done: a while after it began, or, once its process is asked to end, a
/// short while after that.
struct Deadline {
    private let begin = Self.now
    private let nanoseconds: UInt64
    private let stopTime: @Sendable () -> UInt64?

    /// What an answer that nobody wants to wait for any more is given, from the signal on, or from
    /// its request if that came later.
    static let afterStop = Duration.seconds(5)

    /// `stopTime` says when, by the monotonic clock, somebody asked for the end; nil before.
    init(after duration: Duration, stopTime: @escaping @Sendable () -> UInt64? = { nil }) {
        nanoseconds = begin &+ Self.count(duration)
        self.stopTime = stopTime
    }

    /// Rounded up, so that what is not over is not taken for what is.
    var millisecondsLeft: Int32 {
        let now = Self.now
        let end = end
        guard now < end else { return 0 }
        return Int32(clamping: (end - now + 999_999) / 1_000_000)
    }

    var isOver: Bool { Self.now >= end }

    /// Whether it is over for no other reason than that somebody asked for the end.
    var isStopped: Bool { Self.now < nanoseconds && isOver }

    private var end: UInt64 {
        guard let stop = stopTime() else { return nanoseconds }
        return min(nanoseconds, max(stop, begin) &+ Self.count(Self.afterStop))
    }

    private static func count(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        return UInt64(clamping: seconds) &* 1_000_000_000
            &+ UInt64(clamping: attoseconds / 1_000_000_000)
    }

    private static var now: UInt64 { SystemTimeSource().monotonicNanoseconds() }
}
