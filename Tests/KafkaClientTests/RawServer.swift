import Foundation
import Glibc
import Threads

/// A listener of tests: each connection is handed to a closure on a thread of its own.
final class RawServer {
    struct Failed: Error {}

    let port: UInt16
    private let descriptor: Int32
    private let thread: OwnedThread
    /// The connection that is served.
    private let current: Current

    private final class Current: Sendable {
        let socket = Lock<RawSocket?>(nil)
    }

    init(_ serve: @escaping @Sendable (RawSocket) -> Void) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let outcome = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard outcome else { throw Failed() }
        port = UInt16(bigEndian: address.sin_port)
        self.descriptor = descriptor
        let current = Current()
        self.current = current
        thread = OwnedThread {
            while true {
                let accepted = accept(descriptor, nil, nil)
                guard accepted >= 0 else { return }
                let socket = RawSocket(accepted)
                current.socket.withLock { $0 = socket }
                serve(socket)
                current.socket.withLock { $0 = nil }
            }
        }
    }

    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        current.socket.withLock { $0?.end() }
        thread.join()
        close(descriptor)
    }
}

/// One end of a connection.
final class RawSocket: Sendable {
    private let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    convenience init(connectingTo port: UInt16) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw RawServer.Failed() }
        self.init(descriptor)
    }

    deinit { close(descriptor) }

    /// Whoever waits for something of it hears that it is over.
    func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// The next bytes; nil where the other end has closed.
    func read(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var position = 0
        while position < count {
            let got = bytes.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress.map { $0 + position }, count - position, 0)
            }
            guard got > 0 else { return nil }
            position += got
        }
        return bytes
    }

    /// A frame with its length.
    func readFrame() -> [UInt8]? {
        guard let head = read(4) else { return nil }
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        return read(length).map { head + $0 }
    }

    func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

/// The answers to Produce that a relay loses: the first of them.
struct ProduceAnswers {
    var count: Int
}

/// Stands between a client and a server, and loses some answers: the server has done what it was
/// asked, and the client hears nothing of it.
final class Relay {
    private let server: RawServer
    private let left: Counter
    private let total: Int

    /// How many answers may still be lost.
    private final class Counter: Sendable {
        private let value: Lock<Int>

        init(_ value: Int) { self.value = Lock(value) }

        func take() -> Bool {
            value.withLock { value in
                guard value > 0 else { return false }
                value -= 1
                return true
            }
        }

        var count: Int { value.withLock { $0 } }
    }

    init(to port: UInt16, losing answers: ProduceAnswers) throws {
        let left = Counter(answers.count)
        self.left = left
        total = answers.count
        server = try RawServer { client in
            guard let server = try? RawSocket(connectingTo: port) else { return }
            while let request = client.readFrame() {
                server.write(request)
                guard let answer = server.readFrame() else { return }
                let isProduce = request[4] == 0 && request[5] == 0
                if isProduce, left.take() { return }
                client.write(answer)
            }
        }
    }

    var port: UInt16 { server.port }
    var lostCount: Int { total - left.count }

    func stop() { server.stop() }
}
