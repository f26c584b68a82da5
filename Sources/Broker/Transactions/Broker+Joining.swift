import Coordination
package import LogModel
import LogStorage

/// A batch of a transaction that its partition may not be in yet.
package struct JoiningBatch: Equatable, Sendable {
    package var partition: TopicPartition
    package var baseSequence: SequenceNumber

    package init(partition: TopicPartition, baseSequence: SequenceNumber) {
        self.partition = partition
        self.baseSequence = baseSequence
    }
}

/// Transaction version 2: partitions and groups join a transaction with the first that is written
/// to them; nobody announces them.
extension Broker {
    /// How long a batch waits for the markers of its producer's last transaction, before its sender
    /// is asked to come again: about as long as Kafka's brokers ask their coordinator.
    private static let joiningPatience = Duration.milliseconds(100)

    /// Puts those partitions into the owner's transaction that are not in it yet, durably: what is
    /// appended to them then is found in it after a crash. What speaks against it, by partition,
    /// in the words that a producer is told.
    ///
    /// Numbers begin at 0 with each epoch, hence with each transaction. A batch that begins later
    /// has overtaken one before it, which could never be appended behind it.
    package func join(
        _ batches: [JoiningBatch],
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch
    ) -> [TopicPartition: KafkaErrorCode] {
        let owner = Owner(transactionalID, producerID, epoch)
        var refused: [TopicPartition: KafkaErrorCode] = [:]
        var missing: [TopicPartition] = []
        for batch in batches {
            let name = batch.partition
            do throws(BrokerError) {
                let partition = try find(name)
                if let refusal = refusalToClients(of: name) {
                    refused[name] = refusal.code
                } else if try partition.openTransactionEpoch(of: producerID) == epoch {
                    let code = try verify(partition, in: owner)
                    if code != .none { refused[name] = code }
                } else if batch.baseSequence.rawValue != 0 {
                    let code = try verify(partition, in: owner)
                    let isOwner = code != .invalidProducerEpoch && code != .invalidProducerIDMapping
                    refused[name] = isOwner ? .outOfOrderSequenceNumber : code
                } else {
                    missing.append(name)
                }
            } catch { refused[name] = error.joiningCode }
        }
        guard !missing.isEmpty else { return refused }
        let code = tryAdding(missing, to: owner)
        guard code != .none else { return refused }
        // One that cannot be added keeps the others out: each by itself, unless it is the owner
        // that may not, or has to wait.
        let isOwners = Self.codesOfOwners.contains(code)
        for name in missing {
            refused[name] = missing.count > 1 && !isOwners ? tryAdding([name], to: owner) : code
        }
        return refused.filter { $0.value != .none }
    }

    /// What is said of a transaction, whatever its partitions are.
    private static let codesOfOwners: Set<KafkaErrorCode> = [
        .concurrentTransactions, .invalidProducerEpoch, .invalidProducerIDMapping,
        .invalidTransactionState,
    ]

    private func verify(
        _ partition: Partition,
        in owner: Owner
    ) throws(BrokerError) -> KafkaErrorCode {
        try transactionShard(of: owner.transactionalID).read {
            $0.verify(
                transactionalID: owner.transactionalID,
                producerID: owner.producerID,
                epoch: owner.epoch,
                partition: partition.id
            )
        }
    }

    /// Puts the partition of a group's positions into the transaction, durably.
    package func joinOffsets(
        transactionalID: String,
        producerID: ProducerID,
        epoch: ProducerEpoch,
        group: String
    ) throws(BrokerError) -> KafkaErrorCode {
        let names = [try offsetsPartition(of: group)]
        return try add(names, to: Owner(transactionalID, producerID, epoch))
    }

    private struct Owner {
        let transactionalID: String
        let producerID: ProducerID
        let epoch: ProducerEpoch

        init(_ transactionalID: String, _ producerID: ProducerID, _ epoch: ProducerEpoch) {
            self.transactionalID = transactionalID
            self.producerID = producerID
            self.epoch = epoch
        }
    }

    private func tryAdding(_ names: [TopicPartition], to owner: Owner) -> KafkaErrorCode {
        do throws(BrokerError) { return try add(names, to: owner) } catch {
            return error.joiningCode
        }
    }

    private func add(
        _ names: [TopicPartition],
        to owner: Owner
    ) throws(BrokerError) -> KafkaErrorCode {
        let reply = try untilSettled(
            owner.transactionalID,
            atMost: Self.joiningPatience
        ) { () throws(BrokerError) in
            try addPartitions(
                transactionalID: owner.transactionalID,
                producerID: owner.producerID,
                epoch: owner.epoch,
                partitions: names,
                clientVersion: 2
            )
        }
        switch reply {
        case .done, .producer: return .none
        // A producer is told that its epoch is not the right one, as by a partition.
        case .error(.producerFenced): return .invalidProducerEpoch
        case .error(let code): return code
        }
    }
}

extension BrokerError {
    /// What a producer is told of a partition that could not join its transaction.
    fileprivate var joiningCode: KafkaErrorCode {
        switch self {
        case .refused(let code, _): code
        case .undecided: .concurrentTransactions
        default: .kafkaStorageError
        }
    }
}
