import Broker
import BrokerAPI
import Bytes
import KafkaRecords
import KafkaWire
import LogModel
import LogStorage
import MillraceTestKit
import Synchronization
import Testing

/// The APIs over a log on a simulated disk, everything on the test's own thread.
final class SimulatedServer {
    struct NoAnswer: Error {}

    static let directory = "/data"

    let disk: SimulatedDisk
    let time: ManualTimeSource
    let broker: Broker
    let api: KafkaAPI

    init(
        disk: SimulatedDisk = SimulatedDisk(),
        time: ManualTimeSource = ManualTimeSource(),
        api: APIConfiguration = APIConfiguration()
    ) throws {
        self.disk = disk
        self.time = time
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.internalPartitionCount = 1
        configuration.journal = .small
        configuration.reservedByteCount = 0
        broker = try Broker.open(
            disk: disk,
            directory: Self.directory,
            configuration: configuration,
            time: time
        )
        self.api = KafkaAPI(broker: broker, configuration: api)
    }

    /// As a new process finds it after this one was killed.
    func killed() throws -> SimulatedServer {
        api.stopWaiting()
        return try SimulatedServer(disk: disk.afterKill(), time: time)
    }

    func close() throws {
        api.stopWaiting()
        try broker.close()
    }

    /// The answer to a request; nil where the connection is closed.
    func ask<Request: KafkaMessage, Response: KafkaMessage>(
        _ request: Request,
        _ key: Int16,
        _ version: Int16,
        connection: UInt64 = 1,
        principal: String = "User:ANONYMOUS",
        as type: Response.Type = Response.self
    ) throws -> Response {
        let request = APIRequest(
            apiKey: key,
            version: version,
            clientID: "c",
            connection: ConnectionIdentity(
                number: connection,
                host: "127.0.0.1",
                principal: principal
            ),
            body: try request.encoded(version: version)
        )
        let answered = Mutex<APIAnswer?>(nil)
        api.handle(request) { answer in answered.withLock { $0 = answer } }
        guard case .body(let pieces)? = answered.withLock({ $0 }) else { throw NoAnswer() }
        return try APIHarness.decode(Array(pieces.joined()), version)
    }

    /// Markers are written and timeouts looked at, some time later.
    func pass(milliseconds: Int64 = 10) {
        time.advance(milliseconds: milliseconds)
        broker.housekeeping(now: time.wallTime())
    }

    /// The values that a read_committed client sees in a partition.
    func committed(_ topic: String, _ partition: Int32 = 0) throws -> [String] {
        let id = try #require(broker.topic(topic)?.id)
        var position: Int64 = 0
        var values: [String] = []
        while true {
            let answer = try fetched(id, partition, at: position)
            #expect(answer.errorCode == 0)
            let bytes = answer.records ?? []
            guard !bytes.isEmpty else { return values }
            var coming = (answer.abortedTransactions ?? []).sorted {
                $0.firstOffset < $1.firstOffset
            }
            var aborted: Set<Int64> = []
            try bytes.withUnsafeBytes { buffer in
                var batches = RecordBatchSequence(buffer)
                while let batch = try batches.next() {
                    while let next = coming.first,
                        next.firstOffset <= batch.lastOffset.rawValue
                    {
                        aborted.insert(next.producerID)
                        coming.removeFirst()
                    }
                    position = batch.nextOffset.rawValue
                    let producer = batch.producerID.rawValue
                    if batch.attributes.isControl {
                        let marker = try EndTransactionMarker(batch)
                        if marker?.result == .abort { aborted.remove(producer) }
                    } else if !batch.attributes.isTransactional || !aborted.contains(producer) {
                        values += try Self.values(of: batch)
                    }
                }
            }
        }
    }

    private func fetched(
        _ id: UniqueID,
        _ partition: Int32,
        at offset: Int64
    ) throws -> FetchResponse.PartitionData {
        let request = FetchRequest(
            isolationLevel: 1,
            topics: [
                .init(
                    topicID: id,
                    partitions: [
                        .init(
                            partition: partition,
                            fetchOffset: offset,
                            partitionMaxBytes: 1 << 20
                        )
                    ]
                )
            ]
        )
        let response: FetchResponse = try ask(request, 1, 17)
        return try #require(response.responses.first?.partitions.first)
    }

    private static func values(of batch: RecordBatchView) throws -> [String] {
        var values: [String] = []
        var records = try batch.records()
        while let record = try records.next() {
            if let value = record.value { values.append(String(decoding: value, as: UTF8.self)) }
        }
        return values
    }
}
