import Broker
import Coordination
import EmbeddedClient
import LogClient
import LogModel
import LogStorage
import MillraceTestKit
import Telemetry

@testable import JobRunner

/// A log on a simulated disk and what watches it, on a clock that stands still.
struct WatchRig {
    let time = ManualTimeSource()
    let broker: Broker
    let client: EmbeddedClient
    let sampler: SlowSampler
    let watch: Watch
    private(set) var letters = SlowSampler.LetterProgress()

    init(_ disk: SimulatedDisk = SimulatedDisk()) throws {
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.internalPartitionCount = 2
        configuration.journal.fileByteCount = 1 << 20
        broker = try Broker.open(
            disk: disk,
            directory: "/data",
            configuration: configuration,
            time: time
        )
        client = EmbeddedClient(broker: broker)
        sampler = SlowSampler(broker)
        watch = Watch(broker, nil, sampler)
    }

    func write(_ count: Int, to topic: String, partition: Int32 = 0) throws {
        let producer = try EmbeddedProducer(broker: broker)
        var batch = RecordBatchBuilder()
        for _ in 0..<count { append(to: &batch) }
        try producer.append(&batch, to: TopicPartition(topic, PartitionIndex(partition)))
        try producer.flush()
    }

    func append(to batch: inout RecordBatchBuilder) {
        withUnsafeBytes(of: UInt64(7)) {
            batch.append(timestamp: time.wallTime(), key: nil, value: $0)
        }
    }

    func commit(_ offset: Int64, of topic: String, group: String) throws {
        let position = CommittedOffset(offset: Offset(offset), commitTime: time.wallTime())
        try broker.commitOffsets(
            group: group,
            [TopicPartition(topic, PartitionIndex(0)): position]
        )
    }

    mutating func sampleSlowly() { sampler.take(0, &letters) }

    func metrics() throws -> PrometheusText {
        var text = MetricsText(.prometheus)
        text.addLog(watch.look())
        return try PrometheusText(String(decoding: text.finish(), as: UTF8.self))
    }
}
