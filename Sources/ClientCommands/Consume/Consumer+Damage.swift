import LogClient
import LogModel
import Terminal

/// What lies behind damage.
extension Consumer {
    /// Where a partition can be read again.
    struct Regained {
        /// The first offset that comes.
        let begin: Offset
        /// What has to be asked for: the batch of both is found only from here on, by way of an
        /// index.
        let from: Offset
    }

    /// Where a partition can be read again behind `position`; nil where damage is not to be
    /// skipped, or there is nothing in front of the end that it could be.
    ///
    /// An index leads into a log every few thousand bytes, and from each such place on it can be
    /// read: so steps that double find one of them, and halving finds the first.
    func readableBehind(_ partition: TopicPartition, _ position: Offset) throws -> Regained? {
        guard plan.skipsDamage else { return nil }
        let end: Offset
        // Of damage that the log itself has met, its owner tells no more than that.
        do { end = self.end(of: try log.bounds(of: partition)) } catch { return nil }
        guard position < end else { return nil }
        let last = Offset(end.rawValue - 1)
        var damaged = position
        var step: Int64 = 1
        var found: Regained?
        while found == nil, damaged < last {
            let next = damaged.advanced(by: min(step, damaged.distance(to: last)))
            found = try regain(partition, from: next)
            if found == nil { damaged = next }
            step *= 2
        }
        guard var first = found else { return Regained(begin: end, from: end) }
        while damaged.distance(to: first.from) > 1 {
            let middle = damaged.advanced(by: damaged.distance(to: first.from) / 2)
            if let regained = try regain(partition, from: middle) {
                first = regained
            } else {
                damaged = middle
            }
        }
        return Regained(begin: max(first.begin, position.advanced(by: 1)), from: first.from)
    }

    /// The batch that holds an offset, if it comes whole.
    private func regain(_ partition: TopicPartition, from offset: Offset) throws -> Regained? {
        let result: FetchResult
        do throws(FetchFailure) {
            result = try log.fetch(
                partition,
                from: offset,
                isolation: plan.isolation,
                into: buffer
            )
        } catch {
            switch error {
            case .damaged, .outOfRange: return nil
            case .leaderless(let failure), .failed(let failure): throw DamageFound(failure: failure)
            case .gone(let failure): throw TopicGone(topic: partition.topic, failure: failure)
            }
        }
        let bytes = UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(buffer.bytes)[..<result.byteCount]
        )
        var batches = RecordBatchSequence(bytes)
        do throws(RecordBatchError) {
            guard let batch = try batches.next() else { return nil }
            try batch.verifyChecksum()
            guard batch.nextOffset > offset else { return nil }
            return Regained(begin: batch.baseOffset, from: offset)
        } catch { return nil }
    }
}
