package import LogModel

/// A record at hand as an operator keeps it that hands its result on later: the record's place and
/// time, its headers, and what came in from its topic, for a dead letter.
final class RecordSnapshot {
    private let timestamp: Timestamp
    /// Where time was when it came: what is newer is behind it.
    private let streamTime: Timestamp
    private let offset: Offset
    private let trapTopic: UnsafeRawPointer?
    private let topic: String?
    private let source: TaskErrors.Source?
    private let headers: UnsafeRawBufferPointer?
    private let blocks: [UnsafeRawBufferPointer]

    init(_ record: RecordContext, _ source: TaskErrors.Source?, topic: String?) {
        timestamp = record.timestamp
        streamTime = record.streamTime
        offset = record.offset
        trapTopic = record.trapTopic
        self.topic = topic
        var blocks: [UnsafeRawBufferPointer] = []
        let copy = { (bytes: UnsafeRawBufferPointer?) -> UnsafeRawBufferPointer? in
            guard let bytes else { return nil }
            let block = UnsafeMutableRawBufferPointer.allocate(
                byteCount: bytes.count,
                alignment: 8
            )
            block.copyMemory(from: bytes)
            blocks.append(UnsafeRawBufferPointer(block))
            return UnsafeRawBufferPointer(block)
        }
        headers = copy(record.headers)
        self.source = source.map { source in
            TaskErrors.Source(
                topic: source.topic,
                stored: source.stored,
                key: copy(source.key),
                value: copy(source.value),
                headers: copy(source.headers),
                timestamp: source.timestamp,
                // Others have been handled since: what is written is never this one's alone.
                outputCount: -1,
                isBystander: source.isBystander
            )
        }
        self.blocks = blocks
    }

    deinit { for block in blocks { block.deallocate() } }

    /// Where the record lies, in a sentence; the topic only where somebody has kept it.
    func place(in partition: PartitionIndex) -> String {
        "\(topic.map { "\($0)-" } ?? "partition ")\(partition.rawValue), offset \(offset.rawValue)"
    }

    /// Calls `body` with the record at hand again, for a task whose record is another one by now;
    /// what it throws names the place.
    func resume(
        _ record: UnsafeMutablePointer<RecordContext>,
        _ current: UnsafeMutablePointer<TaskErrors.Source?>,
        _ body: () throws -> Void
    ) throws {
        let (time, itsOffset) = (record.pointee.timestamp, record.pointee.offset)
        let (itsHeaders, itsSource) = (record.pointee.headers, current.pointee)
        let (itsTopic, occupation) = (record.pointee.trapTopic, record.pointee.occupation)
        let (itsStreamTime, itsRowTime) = (record.pointee.streamTime, record.pointee.rowTime)
        defer {
            record.pointee.timestamp = time
            record.pointee.streamTime = itsStreamTime
            record.pointee.rowTime = itsRowTime
            record.pointee.offset = itsOffset
            record.pointee.headers = itsHeaders
            record.pointee.trapTopic = itsTopic
            record.pointee.occupation = occupation
            current.pointee = itsSource
        }
        record.pointee.timestamp = timestamp
        record.pointee.streamTime = streamTime
        record.pointee.rowTime = streamTime
        record.pointee.offset = offset
        record.pointee.headers = headers
        record.pointee.trapTopic = trapTopic
        record.pointee.occupation = .record
        current.pointee = source
        do { try body() } catch let later as RetryLater {
            throw later.place == nil ? later.of(topic, offset) : later
        } catch let failure as RecordFailure {
            throw HeldRecordFailure(failure: failure, topic: topic, offset: offset)
        }
    }
}

/// The failure of a record that is not the one at hand.
package struct HeldRecordFailure: EngineFailure {
    package let failure: RecordFailure
    /// The topic that it came from; nil where nobody has kept it.
    package let topic: String?
    package let offset: Offset
}
