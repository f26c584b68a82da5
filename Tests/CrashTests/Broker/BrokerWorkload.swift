import Broker
import Coordination
import LogModel
import LogStorage
import MillraceTestKit

/// Runs a script against a broker on a simulated disk and keeps the moments.
final class BrokerWorkload {
    static let directory = "data"
    static let topic = "out"
    static let transactionTimeout = Duration.seconds(30)
    static let timeoutMilliseconds: Int64 = 36_000
    private static let recordsEach = 3

    /// A client that owns a transactional id.
    private struct Client {
        var producerID: ProducerID
        var epoch: ProducerEpoch
        var sequences: [TopicPartition: Int32] = [:]
        /// Its open transaction, by its index in the oracle.
        var transaction: Int?
    }

    private let script: BrokerScript
    private let disk = SimulatedDisk()
    let time: ManualTimeSource
    private let recorder: MomentRecorder<BrokerOracle>
    private var broker: Broker
    private var clients: [String: Client] = [:]
    private var plainCount = 0
    private var nextOffset: Int64 = 1
    private let ids = CountedIDs()

    static var configuration: BrokerConfiguration {
        var configuration = BrokerConfiguration(execution: .inline)
        configuration.internalPartitionCount = 2
        configuration.reservedByteCount = 0
        configuration.journal = LogScript.smallFiles
        return configuration
    }

    static let partitions =
        (0..<2).map { TopicPartition(topic, PartitionIndex($0)) } + [BrokerOracle.inputPartition]

    init(_ script: BrokerScript) throws {
        self.script = script
        time = ManualTimeSource()
        recorder = MomentRecorder(disk: disk, oracle: BrokerOracle())
        broker = try Broker.open(
            disk: disk,
            directory: Self.directory,
            configuration: Self.configuration,
            time: time,
            makeID: ids.next
        )
        let options = ["segment.bytes": "1024"]
        try broker.createTopic(Self.topic, partitionCount: 2, options: options)
        try broker.createTopic(BrokerOracle.inputPartition.topic, partitionCount: 1)
        recorder.forget()
    }

    func run() throws -> [CrashMoment<BrokerOracle>] {
        for step in script.steps {
            time.advance(milliseconds: 10)
            try run(step)
            try noteBounds()
        }
        return recorder.finish()
    }

    private func run(_ step: BrokerStep) throws {
        switch step {
        case .produce(let owner, let partitions):
            for partition in partitions {
                try produce(owner, to: TopicPartition(Self.topic, PartitionIndex(partition)))
            }
        case .offsets(let owner): try addOffsets(owner)
        case .commit(let owner): try end(owner, .commit)
        case .abort(let owner): try end(owner, .abort)
        case .takeOver(let owner): try takeOver(owner)
        case .timeout: try timeOut()
        case .plain(let partition):
            try producePlain(to: TopicPartition(Self.topic, PartitionIndex(partition)))
        case .plainOffset: try commitPlainOffset()
        case .reopen:
            try broker.close()
            try reopen(disk)
        case .kill:
            disk.releaseLocks()
            try reopen(disk)
        }
    }

    private func noteBounds() throws {
        for partition in Self.partitions {
            let bounds = try broker.bounds(of: partition)
            recorder.update {
                $0.highWatermarks[partition] = bounds.highWatermark.rawValue
                $0.lastStableOffsets[partition] = bounds.lastStableOffset.rawValue
            }
        }
    }

    // MARK: - Steps

    private func client(_ owner: String) throws -> Client {
        if let client = clients[owner] { return client }
        try takeOver(owner)
        guard let client = clients[owner] else { throw WorkloadFailure(text: "no \(owner)") }
        return client
    }

    private func takeOver(_ owner: String) throws {
        let reply = try broker.takeOver(
            transactionalID: owner,
            timeout: Self.transactionTimeout
        )
        guard case .producer(let producerID, let epoch) = reply else {
            throw WorkloadFailure(text: "taking over \(owner) gave \(reply)")
        }
        recorder.update { oracle in
            for index in oracle.transactions.indices
            where oracle.transactions[index].owner == owner
                && oracle.transactions[index].fate == .open
            {
                oracle.transactions[index].fate = .aborted
            }
            oracle.owners[owner] = BrokerOracle.Owner(producerID: producerID, epoch: epoch)
        }
        clients[owner] = Client(producerID: producerID, epoch: epoch)
    }

    private func begin(_ owner: String, _ client: inout Client) -> Int {
        if let open = client.transaction { return open }
        let index = recorder.oracle.transactions.count
        recorder.update { $0.transactions.append(BrokerOracle.Transaction(owner: owner)) }
        client.transaction = index
        return index
    }

    private func produce(_ owner: String, to partition: TopicPartition) throws {
        var client = try client(owner)
        let index = begin(owner, &client)
        let already = recorder.oracle.transactions[index].valueCount
        let values = (0..<Self.recordsEach).map { "t\(index)-\(already + $0)" }
        recorder.update {
            $0.transactions[index].values[partition, default: []] += values
        }
        let reply = try broker.addPartitions(
            transactionalID: owner,
            producerID: client.producerID,
            epoch: client.epoch,
            partitions: [partition],
            mustBeDurable: index % 2 == 0
        )
        try expect(reply == .done, "adding \(partition) gave \(reply)")
        let sequence = client.sequences[partition, default: 0]
        var bytes = TextBatch.bytes(
            values,
            at: time.wallTime(),
            producerID: client.producerID,
            epoch: client.epoch,
            sequence: sequence,
            isTransactional: true
        )
        let outcome = try bytes.withUnsafeMutableBytes {
            try broker.produce(batch: $0, to: partition, transactionalID: owner, flush: false)
        }
        guard case .appended = outcome else {
            throw WorkloadFailure(text: "producing gave \(outcome)")
        }
        client.sequences[partition] = sequence + Int32(values.count)
        clients[owner] = client
    }

    private func addOffsets(_ owner: String) throws {
        var client = try client(owner)
        let index = begin(owner, &client)
        nextOffset += 1
        let offset = nextOffset
        recorder.update { $0.transactions[index].offset = offset }
        let reply = try broker.addOffsets(
            transactionalID: owner,
            producerID: client.producerID,
            epoch: client.epoch,
            group: BrokerOracle.group(of: owner),
            offsets: [
                BrokerOracle.inputPartition: CommittedOffset(
                    offset: Offset(offset),
                    commitTime: time.wallTime()
                )
            ]
        )
        try expect(reply == .done, "adding offsets gave \(reply)")
        clients[owner] = client
    }

    private func end(_ owner: String, _ result: TransactionResult) throws {
        guard var client = clients[owner], let index = client.transaction else { return }
        if result == .commit {
            recorder.update { $0.transactions[index].fate = .committing }
        }
        let reply = try broker.untilSettled(owner) { () throws(BrokerError) in
            try broker.endTransaction(
                transactionalID: owner,
                producerID: client.producerID,
                epoch: client.epoch,
                result: result
            )
        }
        guard case .producer(let producerID, let epoch) = reply else {
            throw WorkloadFailure(text: "the end of \(owner) gave \(reply)")
        }
        recorder.update {
            $0.transactions[index].fate = result == .commit ? .committed : .aborted
            $0.owners[owner] = BrokerOracle.Owner(producerID: producerID, epoch: epoch)
        }
        client = Client(producerID: producerID, epoch: epoch)
        clients[owner] = client
    }

    private func timeOut() throws {
        time.advance(milliseconds: Self.timeoutMilliseconds)
        broker.housekeeping(now: time.wallTime())
        recorder.update { oracle in
            for index in oracle.transactions.indices
            where oracle.transactions[index].fate == .open {
                oracle.transactions[index].fate = .aborted
            }
        }
        // Whoever was fenced by the timeout asks for a new pair when it next does something.
        for (owner, client) in clients where client.transaction != nil { clients[owner] = nil }
    }

    private func producePlain(to partition: TopicPartition) throws {
        plainCount += 1
        let value = "plain-\(plainCount)"
        recorder.update { $0.unackedPlain[partition, default: []].append(value) }
        var bytes = TextBatch.bytes(
            [value],
            at: time.wallTime(),
            producerID: .none,
            epoch: .none,
            sequence: -1,
            isTransactional: false
        )
        _ = try bytes.withUnsafeMutableBytes {
            try broker.produce(batch: $0, to: partition, flush: true)
        }
        recorder.update {
            $0.unackedPlain[partition] = []
            $0.plain[partition, default: []].append(value)
        }
    }

    private func commitPlainOffset() throws {
        nextOffset += 1
        let offset = nextOffset
        recorder.update { $0.unackedPlainOffset = offset }
        try broker.commitOffsets(
            group: BrokerOracle.plainGroup,
            [
                BrokerOracle.inputPartition: CommittedOffset(
                    offset: Offset(offset),
                    commitTime: time.wallTime()
                )
            ]
        )
        recorder.update { $0.plainOffset = offset }
    }

    /// Owners die with the process; what they left open is open or aborted.
    private func reopen(_ disk: SimulatedDisk) throws {
        clients = [:]
        broker = try Broker.open(
            disk: disk,
            directory: Self.directory,
            configuration: Self.configuration,
            time: time,
            makeID: ids.next
        )
    }

    private func expect(_ holds: Bool, _ text: @autoclosure () -> String) throws {
        if !holds { throw WorkloadFailure(text: text()) }
    }
}
