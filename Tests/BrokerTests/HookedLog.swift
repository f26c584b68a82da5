import Broker
import EmbeddedClient
import LogModel
import LogStorage
import MillraceTestKit

/// A log on a hooked disk, everything on the calling thread.
struct HookedLog {
    let disk = HookedDisk()
    let time = ManualTimeSource()
    let broker: Broker
    let client: EmbeddedClient

    init(_ configuration: BrokerConfiguration = .simulated) throws {
        broker = try Broker.open(
            disk: disk,
            directory: LogHarness.directory,
            configuration: configuration,
            time: time
        )
        client = EmbeddedClient(broker: broker)
    }

    /// Lets so much time go by, then looks after the log once.
    func housekeep(afterMilliseconds milliseconds: Int64) {
        time.advance(milliseconds: milliseconds)
        broker.housekeeping(now: time.wallTime())
    }

    func values(_ topic: String, _ partition: Int32 = 0) throws -> [String] {
        try LogReader(client: client).values(
            of: TopicPartition(topic, PartitionIndex(partition)),
            isolation: .readCommitted
        )
    }

    /// The log as a new process finds it after this one was killed.
    func killed() throws -> LogHarness {
        try LogHarness(disk: disk.disk.afterKill(), time: time)
    }
}
