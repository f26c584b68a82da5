import Broker
import BrokerAPI
import Foundation
import KafkaClient
import LogModel
import LogStorage

@testable import BrokerServer

/// A server in this process over a directory of its own, on a port and on a Unix socket.
final class ClusterHarness {
    let directory: String
    let broker: Broker
    let api: KafkaAPI
    let server: BrokerServer
    private let local: LocalSocket

    /// - Parameter depth: names of folders that make the socket's path this much longer.
    init(depth: Int = 0) throws {
        let base = FileManager.default.temporaryDirectory
            .appending(path: "millrace-client-\(UUID().uuidString)").path
        let names = repeatElement("a-folder-with-a-name-that-takes-its-room", count: depth)
        directory = ([base] + names).joined(separator: "/")
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        broker = try Broker.open(disk: PosixDisk(), directory: directory)
        api = KafkaAPI(broker: broker)
        local = LocalSocket(folder: "\(directory)/.millrace", name: "socket")
        server = try BrokerServer(
            api,
            on: [ListenerConfiguration(ListenAddress(host: "127.0.0.1", port: 0))],
            local: local
        )
    }

    var network: KafkaAddress { .network(host: "127.0.0.1", port: server.address.port) }
    var socket: KafkaAddress { .local(folder: local.folder, name: local.name) }
    var socketPath: String { local.path }

    func stop() throws {
        server.stop()
        try broker.close()
        try FileManager.default.removeItem(atPath: directory)
    }

    /// A configuration that gives up soon.
    static var impatient: KafkaCluster.Configuration {
        var configuration = KafkaCluster.Configuration()
        configuration.connectPatience = .seconds(2)
        configuration.requestPatience = .milliseconds(500)
        configuration.retryLimit = .milliseconds(200)
        return configuration
    }

    /// A sealed batch of texts.
    static func batch(
        _ texts: [String],
        of producer: (ProducerID, ProducerEpoch),
        from sequence: Int32,
        isTransactional: Bool = false
    ) -> [UInt8] {
        var builder = RecordBatchBuilder(capacity: 4096)
        for text in texts {
            Array(text.utf8).withUnsafeBytes { bytes in
                builder.append(timestamp: Timestamp(1), key: nil, value: bytes, headers: nil)
            }
        }
        return Array(
            builder.seal(
                attributes: BatchAttributes(isTransactional: isTransactional),
                producerID: producer.0,
                producerEpoch: producer.1,
                baseSequence: SequenceNumber(sequence)
            )
        )
    }

    /// The values of the records in a fetched partition.
    static func values(_ fetched: FetchedPartition?) throws -> [String] {
        var values: [String] = []
        try (fetched?.records ?? []).withUnsafeBytes { bytes in
            var batches = RecordBatchSequence(bytes)
            while let batch = try batches.next() {
                guard !batch.attributes.isControl else { continue }
                var records = try batch.records()
                while let record = try records.next() {
                    values.append(
                        String(decoding: record.value ?? .init(start: nil, count: 0), as: UTF8.self)
                    )
                }
            }
        }
        return values
    }
}
