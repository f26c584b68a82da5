import Bytes
import LogModel
import Terminal

/// What `produce` needs of a log.
protocol RecordSink {
    var place: LogPlace { get }
    /// A topic that may be written to by others than its job, or why there is none.
    func outputTopic(_ name: String) throws(CommandFailure) -> OutputTopic
    /// Of a producer that nobody was before.
    func makeProducerID() throws(CommandFailure) -> (ProducerID, ProducerEpoch)
    /// Appends a sealed batch of that producer; durable after `flush`.
    func append(
        _ batch: UnsafeMutableRawBufferPointer,
        of producer: ProducerID,
        to partition: TopicPartition
    ) throws(AppendFailure)
    /// Whether the topic of that name is still the same: with one that was deleted goes what was
    /// appended to it.
    func isStillThere(_ topic: OutputTopic) throws(CommandFailure) -> Bool
    /// Makes durable what was appended to these partitions.
    func flush(_ partitions: [TopicPartition]) throws(CommandFailure)
}

/// A topic that records go to.
struct OutputTopic {
    let name: String
    /// Which topic of that name; nil where nobody tells.
    let id: UniqueID?
    /// In order, each of its number.
    let partitions: [TopicPartition]
    /// `max.message.bytes`.
    let largestBatch: Int
    /// How many milliseconds records stay by their own times; nil where these say nothing of that.
    var retentionMilliseconds: Int64?
    /// The numbers of those partitions that nobody leads now: what may go elsewhere does.
    var leaderless: Set<Int32> = []
}

/// Why a log did not take a batch.
struct AppendFailure: Error {
    var failure: CommandFailure
    /// Whether it may have taken it all the same.
    var isUncertain = false
    /// Whether the topic's limit is in the way.
    var isTooLarge = false
}
