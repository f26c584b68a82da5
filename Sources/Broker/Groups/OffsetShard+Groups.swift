import Coordination
package import LogModel
import LogStorage

extension OffsetShard {
    /// Appends what a round of decisions writes, in its order, and takes over the offsets.
    func write(
        _ round: [GroupWrite],
        _ appends: [OffsetAppend],
        now: Timestamp
    ) throws(BrokerError) {
        defer { for append in appends { try? withOffsets { $0.finishAppend(append) } } }
        var batch = CoordinatorBatch(now: now)
        // Of each record of the batch, what it says of an offset.
        var taken: [OffsetRecord?] = []
        for write in round {
            for record in write.offsets {
                try batch.add(record)
                taken.append(record)
                try append(&batch, &taken, now, ifFull: true)
            }
            if let record = write.groupRecord {
                try batch.add(record)
                taken.append(nil)
                try append(&batch, &taken, now, ifFull: true)
            }
            for record in write.consumerRecords {
                try batch.add(record)
                taken.append(nil)
                try append(&batch, &taken, now, ifFull: true)
            }
        }
        if !taken.isEmpty { try append(&batch, &taken, now, ifFull: false) }
    }

    private func append(
        _ batch: inout CoordinatorBatch,
        _ taken: inout [OffsetRecord?],
        _ now: Timestamp,
        ifFull: Bool
    ) throws(BrokerError) {
        guard batch.isFull || !ifFull else { return }
        let base = try batch.append(to: partition)
        let records = taken
        try withOffsets { offsets in
            for (index, record) in records.enumerated() {
                guard let record else { continue }
                offsets.apply(record, at: base.advanced(by: Int64(index)))
            }
        }
        taken = []
        batch = CoordinatorBatch(now: now)
    }
}

extension BrokerError {
    /// What a member of a group is told; it finds its coordinator anew and tries again, unless
    /// that is of no use.
    package var groupCode: KafkaErrorCode {
        switch self {
        case .refused(let code, _): code
        case .tooLong: .invalidRequest
        // As Kafka's coordinator: the storage's own code ends a consumer.
        case .corrupt, .readOnly, .offline, .disk: .notCoordinator
        default: .coordinatorNotAvailable
        }
    }
}
