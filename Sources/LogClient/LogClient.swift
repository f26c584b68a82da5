package import Bytes
package import LogModel

/// What the streams half asks of a log, whichever it is: the bundled one in this process, or a
/// Kafka cluster. Every call blocks; a stream thread makes them. Implementations are safe to use
/// from several threads.
package protocol LogClient: AnyObject, Sendable {
    /// The topics of these names that exist; all topics for nil.
    func topics(named names: [String]?) throws(LogClientError) -> [TopicDescription]
    /// Creates a topic; `.topicExists` if there is one of that name.
    func createTopic(_ specification: TopicSpecification) throws(LogClientError)
    /// Gives these options of a topic other values; the others stay.
    func alterTopic(_ name: String, options: [String: String]) throws(LogClientError)
    /// Removes a topic and its records.
    func deleteTopic(_ name: String) throws(LogClientError)
    /// The ends of a partition now.
    func bounds(of partition: TopicPartition) throws(LogClientError) -> PartitionBounds
    /// The next offset that `group` is to read, and what was committed with it, for those
    /// partitions that have one; without topic ids. Waits for open transactions that hold offsets
    /// of this group to end (Kafka's requireStable).
    func committedPositions(
        group: String,
        partitions: [TopicPartition]
    ) throws(LogClientError) -> [TopicPartition: InputPosition]
    /// Forgets what `group` has committed for these partitions.
    func forgetPositions(
        group: String,
        partitions: Set<TopicPartition>
    ) throws(LogClientError)
    /// Reads whole batches from `offset` on into `buffer` (which grows only for a first batch that
    /// does not fit). Returns at once, with no bytes at the end of what the isolation level shows.
    /// The first batch may begin below `offset`: skip those records. With `topicID`, only of the
    /// topic that has it: `.topicReplaced` where another one has come under its name.
    func fetch(
        _ partition: TopicPartition,
        of topicID: UniqueID?,
        from offset: Offset,
        isolation: IsolationLevel,
        into buffer: FetchBuffer
    ) throws(LogClientError) -> FetchResult
    /// Blocks until a reader may find more than at the time `signal` was returned, or until
    /// `timeout`; returns the signal for the next call. Begin with 0.
    func waitForChange(since signal: UInt64, timeout: Duration) -> UInt64
    /// Fences earlier owners of `transactionalID`, ends what they left open, and returns the
    /// producer that owns it now.
    func makeTransactionalProducer(
        transactionalID: String,
        transactionTimeout: Duration
    ) throws(LogClientError) -> any TransactionalProducer
    /// Deletes the records below `offset`, which moves the log start.
    func deleteRecords(of partition: TopicPartition, before offset: Offset) throws(LogClientError)
    /// Notes that `job` writes to these topics while it runs: the log lets nobody take them away.
    func noteOutputs(_ topics: Set<String>, of job: String)
    /// Gives back what the client holds.
    func close()
}

extension LogClient {
    /// The next offset that `group` is to read, for those partitions that have one.
    package func committedOffsets(
        group: String,
        partitions: [TopicPartition]
    ) throws(LogClientError) -> [TopicPartition: Offset] {
        try committedPositions(group: group, partitions: partitions).mapValues(\.offset)
    }

    /// `fetch` of whichever topic has the name.
    package func fetch(
        _ partition: TopicPartition,
        from offset: Offset,
        isolation: IsolationLevel,
        into buffer: FetchBuffer
    ) throws(LogClientError) -> FetchResult {
        try fetch(partition, of: nil, from: offset, isolation: isolation, into: buffer)
    }
}

/// The producer of one transactional id: one transaction at a time, used by one thread.
///
/// The engine's order is: `append` … `addOffsets` → `commit`, or `abort` at any point. The first
/// `append` or `addOffsets` begins the transaction.
package protocol TransactionalProducer: AnyObject {
    /// Sends the records of `batch` to `partition` inside the transaction. The builder is left
    /// sealed; the caller resets it. Durable only after `commit`.
    func append(
        _ batch: inout RecordBatchBuilder,
        to partition: TopicPartition
    ) throws(LogClientError)
    /// Adds the next offsets to read, by input partition, to the transaction. One in a topic that
    /// is no longer the one of that name is left out.
    func addOffsets(
        _ offsets: [TopicPartition: InputPosition],
        group: String
    ) throws(LogClientError)
    /// Commits: on return the outcome is durable. Records become visible to read_committed
    /// readers shortly after. Nothing appended: nothing happens.
    func commit() throws(LogClientError)
    /// Aborts: nothing of the transaction is ever seen by a read_committed reader.
    func abort() throws(LogClientError)
    /// The offset behind the last record that this producer appended to `partition` in the
    /// current or last transaction; nil if none. Control records may follow it.
    func nextOffset(of partition: TopicPartition) -> Offset?
    /// Ends the producer; an open transaction is aborted.
    func close()
}

/// The next offset to read of a partition, and the topic that it is an offset of.
package struct InputPosition: Equatable, Sendable {
    package var offset: Offset
    /// Nil where it is not known: then the topic that has the name now.
    package var topicID: UniqueID?
    /// What is committed with the offset: words of the reader, as a rule none.
    package var metadata: String
    package init(_ offset: Offset, of topicID: UniqueID? = nil, metadata: String = "") {
        self.offset = offset
        self.topicID = topicID
        self.metadata = metadata
    }
}

package struct TopicDescription: Equatable, Sendable {
    package var name: String
    /// What tells the topic from one made anew under its name.
    package var id: UniqueID
    package var partitionCount: Int32
    package var isInternal: Bool
    package var configuration: [String: String]
    package init(
        name: String,
        id: UniqueID,
        partitionCount: Int32,
        isInternal: Bool,
        configuration: [String: String]
    ) {
        self.name = name
        self.id = id
        self.partitionCount = partitionCount
        self.isInternal = isInternal
        self.configuration = configuration
    }
}

package struct TopicSpecification: Equatable, Sendable {
    package var name: String
    package var partitionCount: Int32
    /// Kafka's topic options by name, e.g. `cleanup.policy`.
    package var configuration: [String: String]
    package init(name: String, partitionCount: Int32, configuration: [String: String] = [:]) {
        self.name = name
        self.partitionCount = partitionCount
        self.configuration = configuration
    }
}

/// The offsets between which a partition can be read.
package struct PartitionBounds: Equatable, Sendable {
    package var logStart: Offset
    /// Behind the last durable record: a restore's target.
    package var highWatermark: Offset
    /// The first offset of the oldest open transaction, or the high watermark.
    package var lastStableOffset: Offset
    package init(logStart: Offset, highWatermark: Offset, lastStableOffset: Offset) {
        self.logStart = logStart
        self.highWatermark = highWatermark
        self.lastStableOffset = lastStableOffset
    }
}

/// Memory that fetches fill, reused from one to the next. Owned by one thread. None is taken
/// before it is used, and it is given back between: of many partitions few have something to read.
package final class FetchBuffer {
    private var byteCount: Int
    private var memory: UnsafeMutableRawBufferPointer?

    package init(byteCount: Int) { self.byteCount = byteCount }

    deinit { release() }

    package var bytes: UnsafeMutableRawBufferPointer {
        if let memory { return memory }
        let made = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096)
        memory = made
        return made
    }

    /// Makes room for `byteCount` bytes; what was in it is gone.
    package func reserve(_ byteCount: Int) {
        guard byteCount > self.byteCount else { return }
        release()
        self.byteCount = byteCount
    }

    /// Gives the memory back until the next use; what was in it is gone.
    package func release() {
        memory?.deallocate()
        memory = nil
    }
}

/// What a fetch put into the buffer.
package struct FetchResult: Sendable {
    /// Bytes of whole batches at the front of the buffer.
    package var byteCount: Int
    /// Aborted transactions that overlap the answer, by first offset; empty for read_uncommitted.
    package var abortedTransactions: [AbortedTransaction]
    package var bounds: PartitionBounds
    package init(
        byteCount: Int,
        abortedTransactions: [AbortedTransaction],
        bounds: PartitionBounds
    ) {
        self.byteCount = byteCount
        self.abortedTransactions = abortedTransactions
        self.bounds = bounds
    }
}

/// A failure of the log as the engine must treat it (architecture: the commit cycle's table).
package enum LogClientError: Error, Equatable, Sendable {
    /// Try the same call again after a moment.
    case retriable(String)
    /// Abort the transaction, rewind to the committed offsets, go on with the same producer.
    case abortable(String)
    /// This producer's id or epoch is of no use any more, nobody took over: make a new producer.
    case producerInvalid(String)
    /// A newer owner of the transactional id exists: stop this thread, touch nothing.
    case fenced(String)
    /// The position lies outside the partition.
    case offsetOutOfRange(TopicPartition, requested: Offset, bounds: PartitionBounds)
    case unknownTopicOrPartition(TopicPartition)
    /// The topic was deleted, and another one has its name.
    case topicReplaced(TopicPartition)
    case topicExists(String)
    /// The request makes no sense; the text says why.
    case invalid(String)
    /// Bytes on disk or on the wire that are not what was written.
    case corrupt(String)
    /// No space for more records; what is committed can still be read.
    case full(String)
    /// Nothing can go on.
    case fatal(String)
}

extension LogClientError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .retriable(let text), .abortable(let text), .producerInvalid(let text),
            .fenced(let text), .invalid(let text), .corrupt(let text), .full(let text),
            .fatal(let text):
            text
        case .topicExists(let name): "the topic '\(name)' exists already"
        case .offsetOutOfRange(let partition, let requested, let bounds):
            "\(partition): offset \(requested.rawValue) was asked for, there are "
                + "\(bounds.logStart.rawValue) to \(bounds.highWatermark.rawValue)"
        case .unknownTopicOrPartition(let partition):
            "there is no partition \(partition): its topic was deleted, or never had it"
        case .topicReplaced(let partition):
            "\(partition): the topic was deleted, and made anew under the same name"
        }
    }
}
