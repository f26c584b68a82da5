import LogClient
import LogModel

/// The records of one input partition on their way to a task, handed out one by one.
///
/// The position is the next offset that was not handed out, past control records, aborted batches
/// and gaps: the offset to commit once the records handed out are processed.
///
/// Keep it behind a pointer: everything in it changes per record.
struct PartitionQueue: ~Copyable {
    /// How often a log may move under one fetch.
    private static let moveLimit = 8

    /// The record at the head, nil if the queue has to be filled first.
    private(set) var head: RecordView?
    /// The timestamp of the head, resolved.
    private(set) var headTimestamp = Timestamp.none
    /// The offset of the head.
    private(set) var headOffset = Offset.zero
    /// Offsets that were deleted, by retention or by a person, before they could be read.
    private(set) var lostCount: Int64 = 0
    private var committedLostCount: Int64 = 0
    /// How often another topic had come under the name.
    private(set) var replacedCount: Int64 = 0
    private var reader: CommittedReader
    private var batch: VisibleBatch?
    /// The log had nothing more to give when it was asked last.
    private var isKnownEmpty = false

    init(partition: TopicPartition, position: InputPosition, fetchByteCount: Int) {
        reader = CommittedReader(
            partition: partition,
            of: position.topicID,
            position: position.offset,
            fetchByteCount: fetchByteCount
        )
    }

    var partition: TopicPartition { reader.partition }

    /// The next offset to hand out.
    var position: Offset { reader.position }

    /// The next offset to hand out, with the topic that it is of.
    var inputPosition: InputPosition { InputPosition(reader.position, of: reader.topicID) }

    /// Whether records were missing among those met since the last rewind.
    var hasGap: Bool { reader.hasGap }

    /// A position in the same topic.
    func inputPosition(at offset: Offset) -> InputPosition {
        InputPosition(offset, of: reader.topicID)
    }

    /// What was read is committed.
    mutating func noteCommitted() { committedLostCount = lostCount }

    /// Goes back to what is committed, and drops what was fetched.
    mutating func rewind(to position: InputPosition) {
        lostCount = committedLostCount
        seek(to: position)
    }

    /// Goes to another position and drops what was fetched.
    mutating func seek(to position: InputPosition) {
        head = nil
        batch = nil
        reader.seek(to: position.offset, of: position.topicID)
    }

    /// Lets the queue ask the log again although it had nothing to give.
    mutating func askAgain() { isKnownEmpty = false }

    /// Makes sure that there is a head if the log has one to give; false at the end of what
    /// committed records there are. A log that had nothing is not asked before `askAgain()`.
    mutating func fill(from client: any LogClient) throws -> Bool {
        if head == nil, isKnownEmpty { return false }
        while head == nil {
            try advance()
            if head != nil { break }
            guard try fetch(from: client) else {
                isKnownEmpty = true
                return false
            }
        }
        return true
    }

    /// Fetches what comes next. Where that was deleted meanwhile, what is left is read from its
    /// start on: nothing brings back the rest. So is a topic that was made anew.
    private mutating func fetch(from client: any LogClient) throws -> Bool {
        for _ in 0..<Self.moveLimit {
            do {
                return try reader.fetch(from: client)
            } catch LogClientError.offsetOutOfRange(_, let requested, let bounds)
                where requested < bounds.logStart
            {
                lostCount += requested.distance(to: bounds.logStart)
                seek(to: InputPosition(bounds.logStart, of: reader.topicID))
            } catch LogClientError.topicReplaced(let partition) {
                replacedCount += 1
                // The id first: a start of a still newer topic is refused again.
                let id = try client.topics(named: [partition.topic]).first?.id
                seek(to: InputPosition(try client.bounds(of: partition).logStart, of: id))
            }
        }
        return try reader.fetch(from: client)
    }

    /// Takes the rest of the current batch, or the next one, as a whole, for a task with this one
    /// input; nil if the log has nothing more to give. `finishBatch` follows when all of its
    /// records at or above `position` are processed.
    mutating func takeBatch(from client: any LogClient) throws -> VisibleBatch? {
        assert(head == nil, "records are taken one by one or batch by batch")
        if let rest = batch.take() { return rest }
        while true {
            if let batch = try reader.nextBatch() { return batch }
            guard try fetch(from: client) else { return nil }
        }
    }

    /// Gives back a batch whose records below `offset` are processed; it is the next to be taken.
    mutating func putBack(_ rest: VisibleBatch, from offset: Offset) {
        reader.finish(upTo: offset)
        batch = rest
    }

    /// What is wrong with a record of a batch that was taken whole, with its place.
    func corrupt(_ error: RecordBatchError) -> LogClientError { reader.corrupt(error) }

    /// Notes that every record of a batch taken whole is processed.
    mutating func finishBatch(_ batch: VisibleBatch) { reader.finish(upTo: batch.nextOffset) }

    /// Takes the head away and moves the next record of the fetched bytes there, if there is one.
    @inline(__always)
    mutating func pop() throws {
        reader.finish(upTo: headOffset.advanced(by: 1))
        head = nil
        try advance()
    }

    /// Moves to the next visible record within the fetched bytes.
    @inline(__always)
    private mutating func advance() throws {
        while true {
            do throws(RecordBatchError) {
                while let record = try batch?.records.next() {
                    guard accept(record) else { continue }
                    return
                }
            } catch { throw reader.corrupt(error) }
            if let done = batch {
                reader.finish(upTo: max(reader.position, done.nextOffset))
                batch = nil
            }
            batch = try reader.nextBatch()
            if batch == nil { return }
        }
    }

    /// Makes `record` the head, unless it lies below the position: a fetch begins with the whole
    /// batch that holds the offset asked for.
    @inline(__always)
    private mutating func accept(_ record: RecordView) -> Bool {
        guard let batch else { return false }
        let offset = Offset(batch.baseOffset &+ Int64(record.offsetDelta))
        guard offset >= reader.position else { return false }
        headOffset = offset
        headTimestamp =
            batch.sharedTimestamp ?? Timestamp(batch.baseTimestamp &+ record.timestampDelta)
        head = record
        return true
    }
}
