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
    /// where there is none before `end`, it has no time or cannot be read, or too much else lies
    /// before it.
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
            if let time { return time == .none ? nil : time }
            guard behind > next else { return nil }
            next = behind
        }
        return nil
    }

    /// The batches from an offset on that are decided, as many as the buffer takes and one at
    /// least, and which of them were aborted; nil where they cannot be read.
    func read(
        _ partition: TopicPartition,
        from offset: Offset
    ) -> (bytes: UnsafeRawBufferPointer, aborted: AbortedFilter)? {
        fetch(partition, from: offset, .readCommitted)
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
