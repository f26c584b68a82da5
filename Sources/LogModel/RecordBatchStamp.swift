import Bytes

/// What the log writes into a batch, in place, when it takes it in: the batch's offsets and, where
/// topic or batch ask for it, its time.
public struct RecordBatchStamp: Equatable, Sendable {
    /// What becomes of a batch's times.
    public enum Time: Equatable, Sendable {
        /// They stay as they were sent, by a writer who is known to set them right.
        case asSent
        /// The records keep their times, and this is the largest of them: whatever the sender
        /// claimed, in max timestamp and timestamp type, becomes true.
        case created(largest: Timestamp)
        /// Every record has the time at which it is appended.
        case appended(Timestamp)
    }

    public var baseOffset: Offset
    public var leaderEpoch: LeaderEpoch
    public var time: Time

    public init(baseOffset: Offset, leaderEpoch: LeaderEpoch, time: Time = .asSent) {
        self.baseOffset = baseOffset
        self.leaderEpoch = leaderEpoch
        self.time = time
    }

    /// Stamps the batch that begins at the first of `bytes`; what lies behind it, such as a torn
    /// batch that a request ends with, is no part of it and stays out of its checksum. The checksum
    /// is computed anew only where a summed field changes.
    ///
    /// - Returns: the stamped batch; its bytes are those to store.
    /// - Throws: what `RecordBatchView` has against the bytes, and `.impossibleOffsets` where the
    ///   batch does not fit behind the base offset. Nothing has been changed then.
    @discardableResult
    public func apply(
        to bytes: UnsafeMutableRawBufferPointer
    ) throws(RecordBatchError) -> RecordBatchView {
        let batch = try RecordBatchView(UnsafeRawBufferPointer(bytes))
        let delta = batch.lastOffsetDelta
        guard baseOffset.rawValue >= 0, baseOffset.rawValue < Int64.max - Int64(delta) else {
            throw .impossibleOffsets(base: baseOffset.rawValue, lastDelta: delta)
        }
        // SAFETY: there is a batch, so there is a base with a header behind it.
        let header = bytes.baseAddress.unsafelyUnwrapped
        header.storeBigEndian(baseOffset.rawValue, at: RecordBatchLayout.baseOffset)
        header.storeBigEndian(leaderEpoch.rawValue, at: RecordBatchLayout.leaderEpoch)
        let attributes = batch.attributes.stamped(time)
        let maxTimestamp = maxTimestamp(instead: batch.maxTimestamp)
        guard attributes != batch.attributes || maxTimestamp != batch.maxTimestamp else {
            return batch
        }
        header.storeBigEndian(attributes.rawValue, at: RecordBatchLayout.attributes)
        header.storeBigEndian(maxTimestamp.rawValue, at: RecordBatchLayout.maxTimestamp)
        // The view reads the same memory, and no more than the batch's own bytes.
        header.storeBigEndian(batch.computedChecksum, at: RecordBatchLayout.checksum)
        return batch
    }

    private func maxTimestamp(instead sent: Timestamp) -> Timestamp {
        switch time {
        case .asSent: sent
        case .created(let largest): largest
        case .appended(let now): now
        }
    }
}

extension BatchAttributes {
    /// The attributes with the timestamp type that a stamp gives. A delete horizon is the
    /// cleaner's to set: one that a client claims would let its tombstones go too early.
    fileprivate func stamped(_ time: RecordBatchStamp.Time) -> BatchAttributes {
        switch time {
        case .asSent: self
        case .created: BatchAttributes(rawValue: rawValue & ~(Self.logAppendTime | Self.horizon))
        case .appended:
            BatchAttributes(rawValue: (rawValue & ~Self.horizon) | Self.logAppendTime)
        }
    }

    private static let logAppendTime: UInt16 = 0x08
    private static let horizon: UInt16 = 0x40
}
