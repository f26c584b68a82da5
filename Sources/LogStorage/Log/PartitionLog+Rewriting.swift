import LogModel

/// Batches that are not kept as they were sent.
extension PartitionLog {
    /// A batch of a client that numbers its records otherwise than 0, 1, 2 and so on, or in another
    /// codec than the topic's. What was sent is stamped with the time that the log gave it.
    func appendRewritten(
        _ batch: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin,
        _ time: RecordBatchStamp.Time,
        _ configuration: LogConfiguration
    ) throws(LogStorageError) -> AppendOutcome {
        var rewriter = RecordBatchRewriter()
        let view: RecordBatchView
        let rewritten: UnsafeMutableRawBufferPointer
        do throws(RecordBatchError) {
            view = try RecordBatchView(UnsafeRawBufferPointer(batch))
            rewritten = try rewriter.renumber(view, codec: configuration.codec)
        } catch { return .refused(.corruptMessage, "the batch is damaged: \(error)") }
        guard rewritten.count <= configuration.maxMessageByteCount else {
            return .refused(
                .messageTooLarge,
                "the batch takes \(rewritten.count) bytes as the topic's compression.type has it, "
                    + "more than max.message.bytes = \(configuration.maxMessageByteCount)"
            )
        }
        let outcome = try take(rewritten, origin: origin, time, configuration)
        if case .appended = outcome, case .appended = time {
            let stamp = RecordBatchStamp(
                baseOffset: view.baseOffset,
                leaderEpoch: view.leaderEpoch,
                time: time
            )
            _ = try? stamp.apply(to: batch)
        }
        return outcome
    }

    /// Whether the topic's records are kept in another codec than the batch's.
    func wantsOtherCodec(
        _ batch: UnsafeMutableRawBufferPointer,
        _ configuration: LogConfiguration
    ) -> Bool {
        guard let codec = configuration.codec else { return false }
        return (try? RecordBatchView(UnsafeRawBufferPointer(batch)).codec()) != codec
    }
}
