import Broker
import LogModel
import LogStorage
import StreamsRuntime

/// Reads batches of the log for those who look at it, with a buffer of its own. For one thread.
final class RecordReader {
    private let broker: Broker
    /// Becomes larger where a batch is, up to the largest that the log takes.
    private var buffer = RecordReader.makeBuffer(1 << 20)
    /// Fetches of one search: batches of markers alone are passed over.
    private static let fetchLimit = 16

    init(_ broker: Broker) { self.broker = broker }

    deinit { buffer.deallocate() }

    /// When the first record from an offset on was made that readers of committed ones see; nil
    /// where there is none before `end`, it cannot be read, or too much else lies before it.
    func firstTime(
        in partition: TopicPartition,
        from offset: Offset,
        to end: Offset
    ) -> Timestamp? {
        var next = offset
        for _ in 0..<Self.fetchLimit where next < end {
            guard let (bytes, aborted) = fetch(partition, from: next, .readCommitted) else {
                return nil
            }
            let (time, behind) = FirstRecordTime.find(in: bytes, from: next, hiding: aborted)
            if let time { return time }
            guard behind > next else { return nil }
            next = behind
        }
        return nil
    }

    /// The batches from an offset on, as many as the buffer takes and one at least; nil where they
    /// cannot be read.
    func read(_ partition: TopicPartition, from offset: Offset) -> UnsafeRawBufferPointer? {
        fetch(partition, from: offset, .readUncommitted)?.bytes
    }

    private func fetch(
        _ partition: TopicPartition,
        from offset: Offset,
        _ isolation: IsolationLevel
    ) -> (bytes: UnsafeRawBufferPointer, aborted: AbortedFilter)? {
        while true {
            do throws(BrokerError) {
                let found = try broker.fetch(
                    partition,
                    from: offset,
                    isolation: isolation,
                    into: buffer
                )
                let bytes = UnsafeRawBufferPointer(
                    rebasing: buffer[..<min(found.byteCount, buffer.count)]
                )
                return (bytes, AbortedFilter(found.abortedTransactions))
            } catch .bufferTooSmall(let needed)
                where needed > buffer.count && needed <= BatchLimit.byteCount
            {
                buffer.deallocate()
                buffer = Self.makeBuffer(needed)
            } catch { return nil }
        }
    }

    private static func makeBuffer(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
        .allocate(byteCount: byteCount, alignment: 16)
    }
}

/// Counts what lies in partitions of dead letters, and goes on where it was.
struct DeadLetterCounter {
    private struct Progress {
        var start: Offset
        var next: Offset
        var count: Int64 = 0
        var oldest: Timestamp?
    }

    private var progress: [TopicIDPartition: Progress] = [:]
    /// Fetches of one partition in one round.
    private static let fetchLimit = 16

    /// The records of a partition as far as they are counted, the offsets that are not, and the
    /// time of the first record; those of aborted transactions are among them.
    mutating func count(
        _ partition: TopicIDPartition,
        _ bounds: LogBounds,
        _ reader: RecordReader
    ) -> (count: Int64, uncounted: Int64, oldest: Timestamp?) {
        var at = progress[partition] ?? Progress(start: bounds.logStart, next: bounds.logStart)
        // What was deleted is counted no more, and nobody has noted how much that was.
        if at.start != bounds.logStart || at.next > bounds.highWatermark {
            at = Progress(start: bounds.logStart, next: bounds.logStart)
        }
        for _ in 0..<Self.fetchLimit where at.next < bounds.highWatermark {
            guard let bytes = reader.read(partition.name, from: at.next) else { break }
            let before = at.next
            var batches = RecordBatchSequence(bytes)
            while let batch = try? batches.next() {
                at.next = max(at.next, batch.nextOffset)
                if !batch.attributes.isControl { at.count &+= Int64(batch.recordCount) }
            }
            if at.oldest == nil {
                at.oldest = FirstRecordTime.find(in: bytes, from: before).time
            }
            guard at.next > before else { break }
        }
        progress[partition] = at
        return (at.count, max(0, at.next.distance(to: bounds.highWatermark)), at.oldest)
    }
}
