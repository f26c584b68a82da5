import Bytes
import Coordination
import LogModel
import LogStorage

/// One batch of coordinator records, as Kafka's coordinators write them: base sequence 0, and the
/// producer's id and epoch where it lies inside a transaction.
struct CoordinatorBatch: ~Copyable {
    private var builder = RecordBatchBuilder()
    private let now: Timestamp
    private(set) var recordCount: Int32 = 0

    init(now: Timestamp) {
        self.now = now
    }

    mutating func add(_ record: TransactionRecord) throws(BrokerError) {
        do throws(WireError) {
            let (key, value) = try record.encoded()
            add(key: key, value: value)
        } catch {
            throw .tooLong("the transactional id or a topic's name")
        }
    }

    mutating func add(_ record: OffsetRecord) throws(BrokerError) {
        do throws(WireError) {
            let (key, value) = try record.encoded()
            add(key: key, value: value)
        } catch {
            throw .tooLong("the group's name or the metadata")
        }
    }

    mutating func add(_ record: GroupRecord) throws(BrokerError) {
        do throws(WireError) {
            let (key, value) = try record.encoded()
            add(key: key, value: value)
        } catch {
            throw .tooLong("the group's name, or what its members told of themselves,")
        }
    }

    mutating func add(_ record: ConsumerGroupRecord) throws(BrokerError) {
        do throws(WireError) {
            let (key, value) = try record.encoded()
            add(key: key, value: value)
        } catch {
            throw .tooLong("the group's name, or what a member told of itself,")
        }
    }

    /// Far below what a batch may have.
    var isFull: Bool { builder.byteCount >= 256 << 10 }

    /// Seals and appends it; the offset of its first record.
    mutating func append(
        to partition: Partition,
        producerID: ProducerID = .none,
        epoch: ProducerEpoch = .none
    ) throws(BrokerError) -> Offset {
        let batch = builder.seal(
            attributes: BatchAttributes(isTransactional: producerID != .none),
            producerID: producerID,
            producerEpoch: epoch,
            baseSequence: SequenceNumber(0)
        )
        switch try partition.append(batch, origin: .coordinator) {
        case .appended(let base, _): return base
        case .duplicate(let base, _): return base
        case .refused(let code, let message):
            throw .refused(code, "\(partition.name): \(message)")
        }
    }

    private mutating func add(key: [UInt8], value: [UInt8]?) {
        key.withUnsafeBytes { key in
            if let value {
                value.withUnsafeBytes { builder.append(timestamp: now, key: key, value: $0) }
            } else {
                builder.append(timestamp: now, key: key, value: nil)
            }
        }
        recordCount += 1
    }
}
