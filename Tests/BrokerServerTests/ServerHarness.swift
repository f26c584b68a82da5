import Broker
import BrokerAPI
import BrokerServer
import Bytes
import Foundation
import Glibc
import KafkaRecords
import LogStorage
import Security
import Testing

/// A server in this process over a directory of its own, and clients that speak in raw frames.
final class ServerHarness {
    let directory: String
    let broker: Broker
    let api: KafkaAPI
    let server: BrokerServer

    init(
        _ change: (inout ServerConfiguration) -> Void = { _ in },
        api: APIConfiguration = APIConfiguration(),
        host: String = "127.0.0.1",
        protocols: [SecurityProtocol] = [.plaintext],
        certificates: ServerSecurity.Certificates? = nil
    ) throws {
        directory =
            FileManager.default.temporaryDirectory
            .appending(path: "millrace-server-\(UUID().uuidString)").path
        broker = try Broker.open(disk: PosixDisk(), directory: directory)
        var configuration = ServerConfiguration()
        change(&configuration)
        self.api = KafkaAPI(broker: broker, configuration: api)
        server = try BrokerServer(
            self.api,
            on: protocols.map {
                ListenerConfiguration(ListenAddress(host: host, port: 0), $0)
            },
            security: ServerSecurity(certificates: certificates),
            local: nil,
            configuration: configuration
        )
    }

    /// Stops it and removes the directory.
    func stop() throws {
        server.stop()
        try broker.close()
        try FileManager.default.removeItem(atPath: directory)
    }

    func connect() throws -> RawClient { try RawClient(port: server.address.port) }

    /// The port of the listener of this protocol.
    func port(_ security: SecurityProtocol) throws -> UInt16 {
        try #require(server.listeners.first { $0.security == security }).address.port
    }
}

/// A connection that blocks, for tests.
class RawClient {
    struct Closed: Error {}

    private let descriptor: Int32
    private var correlation: Int32 = 0
    private var isClosed = false

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &timeout,
            socklen_t(MemoryLayout<timeval>.size)
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Closed() }
    }

    deinit { if !isClosed { Glibc.close(descriptor) } }

    /// Says no more, and reads on.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Says and reads no more; `abruptly` the other end is told so by a reset.
    func close(abruptly: Bool = false) {
        guard !isClosed else { return }
        isClosed = true
        if abruptly {
            // What waits to go out with more would be dropped by the reset.
            var isAtOnce: Int32 = 1
            let intSize = socklen_t(MemoryLayout<Int32>.size)
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isAtOnce, intSize)
            var option = linger(l_onoff: 1, l_linger: 0)
            let size = socklen_t(MemoryLayout<linger>.size)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, size)
        }
        Glibc.close(descriptor)
    }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { bytes in
                Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Closed() }
            rest = rest.dropFirst(count)
        }
    }

    /// What comes next, at least a byte.
    func receiveSome() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { throw Closed() }
        return Array(bytes.prefix(count))
    }

    /// Whether something comes, or the other end closes, within so many milliseconds.
    func isReadable(within milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, milliseconds) > 0
    }

    func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var position = 0
        while position < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                recv(descriptor, buffer.baseAddress?.advanced(by: position), count - position, 0)
            }
            guard got > 0 else { throw Closed() }
            position += got
        }
        return bytes
    }

    /// The next frame without its length.
    func receiveFrame() throws -> [UInt8] {
        let length = try receive(4).reduce(0) { $0 << 8 | Int($1) }
        return try receive(length)
    }

    /// Sends a request; returns its correlation id.
    @discardableResult
    func send<Request: KafkaMessage>(
        _ request: Request,
        key: Int16,
        version: Int16,
        flexibleFrom: Int16
    ) throws -> Int32 {
        correlation += 1
        var writer = ByteWriter()
        request.write(to: &writer, version: version)
        let body = try writer.finish()
        var head = ConnectionHarness.bytes(key) + ConnectionHarness.bytes(version)
        head += ConnectionHarness.bytes(correlation) + [0, 1, 0x74]
        if version >= flexibleFrom { head.append(0) }
        try send(ConnectionHarness.bytes(Int32(head.count + body.count)) + head + body)
        return correlation
    }

    /// The answer to a request of this version.
    func receive<Response: KafkaMessage>(
        _ type: Response.Type,
        key: Int16,
        version: Int16,
        flexibleFrom: Int16
    ) throws -> (correlation: Int32, response: Response) {
        let frame = try receiveFrame()
        return try frame.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            let correlation: Int32 = try reader.readInteger()
            if version >= flexibleFrom, key != 18 { _ = try reader.readTagCount() }
            let response = try Response(reading: &reader, version: version)
            #expect(reader.isAtEnd)
            return (correlation, response)
        }
    }

    /// One request and its answer.
    func ask<Request: KafkaMessage, Response: KafkaMessage>(
        _ request: Request,
        _ type: Response.Type,
        key: Int16,
        version: Int16,
        flexibleFrom: Int16
    ) throws -> Response {
        let sent = try send(request, key: key, version: version, flexibleFrom: flexibleFrom)
        let answer = try receive(type, key: key, version: version, flexibleFrom: flexibleFrom)
        #expect(answer.correlation == sent)
        return answer.response
    }
}
