import BrokerAPI
import BrokerServer
import Foundation
import KafkaRecords
import KafkaWire
import LogModel
import Testing

@testable import KafkaClient

/// Servers that are none, or that break off.
@Suite struct HostileServerTests {
    /// What entering a cluster says where the server does this.
    private func failure(
        _ serve: @escaping @Sendable (RawSocket) -> Void
    ) throws -> KafkaClientError? {
        let server = try RawServer(serve)
        defer { server.stop() }
        let error = #expect(throws: KafkaClientError.self) {
            try KafkaCluster(
                at: .network(host: "127.0.0.1", port: server.port),
                configuration: ClusterHarness.impatient
            )
        }
        #expect(error?.description.contains("127.0.0.1:\(server.port)") == true)
        return error
    }

    @Test func `a port that nobody listens on is told as that`() throws {
        let server = try RawServer { _ in }
        let port = server.port
        server.stop()
        let error = #expect(throws: KafkaClientError.self) {
            try KafkaCluster(at: .network(host: "127.0.0.1", port: port))
        }
        #expect(
            error
                == .unreachable(.network(host: "127.0.0.1", port: port), "Connection refused")
        )
    }

    @Test func `a host that nobody knows is told as that`() throws {
        let error = #expect(throws: KafkaClientError.self) {
            try KafkaCluster(at: .network(host: "no-such-host.invalid", port: 9092))
        }
        #expect(error?.description.contains("'no-such-host.invalid' is not known") == true)
    }

    @Test func `a server that closes at once did not answer`() throws {
        guard case .lost? = try failure({ _ in }) else {
            Issue.record("it was told as something else")
            return
        }
    }

    @Test func `a server that says nothing is waited for no longer than allowed`() throws {
        let begin = Date()
        let error = try failure { socket in while socket.readFrame() != nil {} }
        #expect(error?.description.contains("it took too long") == true)
        #expect(Date().timeIntervalSince(begin) < 5)
    }

    /// An answer that was lost, and then nobody there: the first attempt may have done it.
    @Test func `who reaches nobody at last hears of the attempt that may have done it`() throws {
        let harness = try ClusterHarness()
        let cluster = try KafkaCluster(
            at: harness.network,
            configuration: ClusterHarness.impatient
        )
        let address = KafkaAddress.network(host: "127.0.0.1", port: 1)
        let lost = KafkaClientError.lost(address, request: "CreateAcls", "it took too long")
        let unreachable = KafkaClientError.unreachable(address, "Connection refused")
        func last(of attempts: [KafkaClientError]) -> KafkaClientError? {
            var left = attempts[...]
            return #expect(throws: KafkaClientError.self) {
                try cluster.retrying { () throws(KafkaClientError) in
                    throw left.count > 1 ? left.removeFirst() : left[left.startIndex]
                }
            }
        }
        #expect(last(of: [lost, unreachable]) == lost)
        #expect(last(of: [unreachable, lost, unreachable]) == lost)
        #expect(last(of: [unreachable]) == unreachable)
        let refused = KafkaClientError.refused(.invalidRequest, about: "it", "no")
        #expect(last(of: [lost, refused]) == refused)
        try harness.stop()
    }

    @Test func `a listener that closes behind the versions is told as one that wants a login`()
        throws
    {
        let versions = try ApiVersionsResponse(
            apiKeys: [ApiVersionsResponse.ApiVersion(apiKey: 3, minVersion: 0, maxVersion: 12)]
        ).encoded(version: 3)
        let server = try RawServer { socket in
            guard let request = socket.readFrame() else { return }
            let answer = Array(request[8..<12]) + versions
            socket.write([0, 0, 0, UInt8(answer.count)] + answer)
            _ = socket.readFrame()
        }
        defer { server.stop() }
        let address = KafkaAddress.network(host: "127.0.0.1", port: server.port)
        let cluster = try KafkaCluster(at: address)
        let begin = ContinuousClock.now
        let error = #expect(throws: KafkaClientError.self) { try cluster.topics(named: nil) }
        #expect(error == .unheard(address, request: "Metadata"))
        #expect(ContinuousClock.now - begin < .seconds(10))
    }

    @Test func `a web server is recognised`() throws {
        let error = try failure { socket in
            _ = socket.readFrame()
            socket.write(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
        }
        #expect(error?.description.contains("it speaks HTTP") == true)
    }

    @Test(
        arguments: [
            [0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff], [0, 0, 0, 1],
        ] as [[UInt8]]
    )
    func `a length that makes no sense is refused`(length: [UInt8]) throws {
        let error = try failure { socket in
            _ = socket.readFrame()
            socket.write(length + [1, 2, 3])
        }
        guard case .nonsense? = error else {
            Issue.record("it was told as \(String(describing: error))")
            return
        }
    }

    @Test func `memory grows with what comes, not with what is announced`() throws {
        // 200 MB are announced, and ten bytes come.
        let error = try failure { socket in
            _ = socket.readFrame()
            socket.write([0x0b, 0xeb, 0xc2, 0x00] + [UInt8](repeating: 0, count: 10))
        }
        guard case .lost? = error else {
            Issue.record("it was told as \(String(describing: error))")
            return
        }
    }

    @Test func `a body of garbage is refused`() throws {
        let error = try failure { socket in
            guard let request = socket.readFrame() else { return }
            let body = Array(request[8..<12]) + [UInt8](repeating: 0xee, count: 30)
            socket.write([0, 0, 0, UInt8(body.count)] + body)
        }
        guard case .nonsense? = error else {
            Issue.record("it was told as \(String(describing: error))")
            return
        }
    }

    @Test func `an old server that refuses the version is asked in its own`() throws {
        // As Kafka before 2.4: UNSUPPORTED_VERSION in version 0, then an answer in version 0.
        let server = try RawServer { socket in
            for code in [UInt8(35), 0] {
                guard let request = socket.readFrame() else { return }
                let body =
                    Array(request[8..<12]) + [0, code] + [0, 0, 0, 2]
                    + [0, 18, 0, 0, 0, 0] + [0, 3, 0, 4, 0, 5]
                socket.write([0, 0, 0, UInt8(body.count)] + body)
            }
            _ = socket.readFrame()
        }
        let connection = try KafkaConnection(
            to: .network(host: "127.0.0.1", port: server.port),
            patience: .seconds(2)
        )
        let error = #expect(throws: KafkaClientError.self) {
            try connection.ask(patience: .seconds(1)) { _ in ListGroupsRequest() }
        }
        guard case .unsupported(_, request: "ListGroups", "it does not know it")? = error else {
            Issue.record("it was told as \(String(describing: error))")
            server.stop()
            return
        }
        server.stop()
    }

    @Test func `a server that breaks off leaves it open whether a batch is stored`() throws {
        let harness = try ClusterHarness()
        let relay = try Relay(
            to: harness.server.address.port,
            losing: ProduceAnswers(count: Int.max)
        )
        harness.api.setAddresses([
            ("PLAINTEXT", NodeAddress(host: "127.0.0.1", port: Int32(relay.port)))
        ])
        let cluster = try KafkaCluster(
            at: .network(host: "127.0.0.1", port: relay.port),
            configuration: ClusterHarness.impatient
        )
        try cluster.createTopic("a", partitionCount: 1, options: [:])
        let producer = try cluster.makeProducerID()
        let error = #expect(throws: ProduceFailure.self) {
            try cluster.produce(
                ClusterHarness.batch(["x"], of: producer, from: 0),
                to: TopicPartition("a", PartitionIndex(0))
            )
        }
        #expect(error?.isUncertain == true)
        relay.stop()
        try harness.stop()
    }
}
