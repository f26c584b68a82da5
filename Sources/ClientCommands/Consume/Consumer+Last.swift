import DirectoryAccess
import LogClient
import LogModel
import StreamsRuntime
import Terminal

/// The last records of partitions.
extension Consumer {
    /// Where the last `count` records begin that the isolation level shows. What lies there in
    /// front of them is passed over when it is read.
    ///
    /// What cannot be counted is read as it is in the span at the end; where fewer records lie
    /// behind it further in front, it is left out, and that is told.
    mutating func beginOfLast(
        _ count: Int64,
        of partition: TopicPartition,
        _ bounds: PartitionBounds,
        _ signals: SignalListener
    ) -> Offset {
        let end = end(of: bounds)
        var last = LastRecords(count, from: bounds.logStart, to: end)
        var damage: CommandFailure?
        while let span = last.span, signals.request == nil {
            do {
                last.note(try countRecords(of: partition, in: span, signals))
            } catch {
                guard last.begin < end else { return span.lowerBound }
                last.noteUncountable()
                damage = error
            }
        }
        if let damage, !last.isEnough { tellFewer(of: partition, from: last.begin, damage) }
        if last.excess > 0 { passedOver[partition] = last.excess }
        return last.begin
    }

    private mutating func tellFewer(
        of partition: TopicPartition,
        from begin: Offset,
        _ failure: CommandFailure
    ) {
        failures.append((partition, failure))
        TextOutput.error.write(
            "warning: \(partition): what lies before offset \(begin.rawValue) cannot be read, so "
                + "fewer records are printed than --last says"
                + "\(failure.reason.map { ": \($0)" } ?? "")\n"
        )
    }

    /// How many records have these offsets; fewer where a signal came.
    private mutating func countRecords(
        of partition: TopicPartition,
        in span: Range<Offset>,
        _ signals: SignalListener
    ) throws(CommandFailure) -> Int64 {
        var position = span.lowerBound
        var count: Int64 = 0
        while position < span.upperBound, signals.request == nil {
            let before = position
            do throws(FetchFailure) {
                let result = try log.fetch(
                    partition,
                    from: position,
                    isolation: plan.isolation,
                    into: buffer
                )
                count += try countRecords(result, of: partition, &position, span)
            } catch {
                switch error {
                case .failed(let failure), .damaged(let failure), .leaderless(let failure),
                    .gone(let failure):
                    throw failure
                case .outOfRange(let bounds):
                    // Retention was quicker.
                    position = min(max(position, bounds.logStart), span.upperBound)
                }
            }
            // There are no batches up to the end.
            guard position > before else { return count }
        }
        return count
    }

    private mutating func countRecords(
        _ result: FetchResult,
        of partition: TopicPartition,
        _ position: inout Offset,
        _ span: Range<Offset>
    ) throws(FetchFailure) -> Int64 {
        let bytes = UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(buffer.bytes)[..<result.byteCount]
        )
        var aborted = AbortedFilter(result.abortedTransactions)
        var batches = RecordBatchSequence(bytes)
        var count: Int64 = 0
        do throws(RecordBatchError) {
            while position < span.upperBound, let batch = try batches.next() {
                guard batch.nextOffset > position else { continue }
                try batch.verifyChecksum()
                if batch.attributes.isControl {
                    try aborted.noteControl(of: batch)
                } else if plan.isolation == .readUncommitted || !aborted.hides(batch) {
                    count += try countRecords(of: batch, position..<span.upperBound)
                }
                position = batch.nextOffset
            }
        } catch { throw .damaged(damage(of: partition, at: position, error)) }
        return count
    }

    /// Of a batch that lies whole in the span, its header says it.
    private mutating func countRecords(
        of batch: RecordBatchView,
        _ span: Range<Offset>
    ) throws(RecordBatchError) -> Int64 {
        if span.contains(batch.baseOffset), span.contains(batch.lastOffset) {
            return Int64(batch.recordCount)
        }
        var count: Int64 = 0
        var records = try decompressor.records(of: batch, byteLimit: Self.decompressedByteLimit)
        while let record = try records.next() {
            if span.contains(batch.offset(of: record)) { count += 1 }
        }
        return count
    }
}
