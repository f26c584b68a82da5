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
        var batch = RoundBatch(now: now)
        for write in round {
            for record in write.offsets {
                try batch.add(record)
                if batch.isFull { try append(&batch) }
            }
            try remove(write, &batch)
            if let record = write.groupRecord { try batch.add(record) }
            if batch.isFull { try append(&batch) }
            for record in write.consumerRecords {
                try batch.add(record)
                if batch.isFull { try append(&batch) }
            }
        }
        if !batch.isEmpty { try append(&batch) }
    }

    /// What was committed in front of the removal has to be applied to be found by it.
    private func remove(_ write: GroupWrite, _ batch: inout RoundBatch) throws(BrokerError) {
        guard let removal = write.removal else { return }
        if batch.holdsPositions(of: write.group) { try append(&batch) }
        for record in try withOffsets({ $0.tombstones(of: write.group, removal) }) {
            try batch.add(record)
            if batch.isFull { try append(&batch) }
        }
    }

    private func append(_ batch: inout RoundBatch) throws(BrokerError) {
        let (base, records) = try batch.append(to: partition)
        try withOffsets { offsets in
            for (index, record) in records.enumerated() {
                guard let record else { continue }
                offsets.apply(record, at: base.advanced(by: Int64(index)))
            }
        }
    }
}

/// A batch of a round's records, and what each of them says of an offset.
private struct RoundBatch: ~Copyable {
    private let now: Timestamp
    private var batch: CoordinatorBatch
    private var taken: [OffsetRecord?] = []
    private var groups: Set<ExactText> = []

    init(now: Timestamp) {
        self.now = now
        batch = CoordinatorBatch(now: now)
    }

    var isEmpty: Bool { taken.isEmpty }
    var isFull: Bool { batch.isFull }

    func holdsPositions(of group: String) -> Bool { groups.contains(ExactText(group)) }

    mutating func add(_ record: OffsetRecord) throws(BrokerError) {
        try batch.add(record)
        taken.append(record)
        groups.insert(ExactText(record.group))
    }

    mutating func add(_ record: GroupRecord) throws(BrokerError) {
        try batch.add(record)
        taken.append(nil)
    }

    mutating func add(_ record: ConsumerGroupRecord) throws(BrokerError) {
        try batch.add(record)
        taken.append(nil)
    }

    /// The offset of the first record, and the records; the batch is empty behind it.
    mutating func append(
        to partition: Partition
    ) throws(BrokerError) -> (base: Offset, records: [OffsetRecord?]) {
        let base = try batch.append(to: partition)
        defer { self = RoundBatch(now: now) }
        return (base, taken)
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
