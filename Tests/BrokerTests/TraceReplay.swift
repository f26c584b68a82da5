import Broker
import Coordination
import Foundation
import LogModel
import LogStorage
import MillraceTestKit
import Testing

/// Sends the requests of a recorded conversation with a Kafka broker to ours, in process, and
/// compares what both answered. What belongs to the protocol alone (null ids, sessions) is left
/// out.
struct TraceReplay {
    typealias JSON = [String: Any]

    let log: LogHarness
    private let name: String
    /// Ours by recorded producer id.
    private var producerIDs: [Int64: Int64] = [-1: -1]
    private(set) var comparedCount = 0

    init(name: String) throws {
        self.name = name
        var configuration = BrokerConfiguration.simulated
        configuration.internalPartitionCount = 4
        log = try LogHarness(configuration: configuration)
    }

    /// Runs the steps of the file up to `last`.
    mutating func run(_ text: String, upTo last: Int) throws {
        let lines = text.split(separator: "\n")
        var previous: JSON = [:]
        for (index, line) in lines.enumerated() {
            let step = try Self.object(line)
            let number = step.int("step")
            if number > last { return }
            if let pause = step["sleep_ms"] as? Int {
                log.time.advance(milliseconds: Int64(pause))
                log.broker.housekeeping(now: log.time.wallTime())
            } else if let times = step["repeat_previous"] as? Int {
                for _ in 0..<times { _ = try answer(to: previous, recorded: [:]) }
            } else if let send = step["send"] as? JSON,
                let recorded = (step["recv"] as? JSON)?["json"] as? JSON
            {
                previous = send
                if try isAskedAgain(send, recorded, later: lines[(index + 1)...]) { continue }
                try compare(send, recorded, step: number)
            }
        }
    }

    /// Whether Kafka was still busy: the same request follows, and ours is quicker.
    private func isAskedAgain(
        _ send: JSON,
        _ recorded: JSON,
        later: ArraySlice<Substring>
    ) throws -> Bool {
        guard recorded["errorCode"] as? Int == 51 else { return false }
        for line in later {
            let next = try Self.object(line)
            guard let again = next["send"] as? JSON else { continue }
            guard again["api"] as? String == send["api"] as? String,
                let body = again["json"] as? NSDictionary
            else { return false }
            let isSame = body.isEqual(to: send.json("json"))
            let isBusy = ((next["recv"] as? JSON)?["json"] as? JSON)?["errorCode"] as? Int == 51
            // The first of a fence must be sent; ours answers it alike.
            return isSame && (send["api"] as? String == "EndTxn" || isBusy)
        }
        return false
    }

    private mutating func compare(_ send: JSON, _ recorded: JSON, step: Int) throws {
        let ours = try answer(to: send, recorded: recorded)
        guard let ours else { return }
        comparedCount += 1
        // Kafka was still writing markers; ours were written before the answer.
        if recorded["errorCode"] as? Int == 51, ours.hasPrefix("0") { return }
        let theirs = try expected(send, recorded)
        #expect(ours == theirs, "\(name), step \(step): \(send["api"] ?? "")")
    }

    static func object(_ line: some StringProtocol) throws -> JSON {
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? JSON ?? [:]
    }

    // MARK: Requests

    /// Our answer as text; nil for a request that is none of the coordinators'.
    private mutating func answer(to send: JSON, recorded: JSON) throws -> String? {
        let body = send.json("json")
        let version = send.int("version")
        switch send["api"] as? String {
        case "CreateTopics":
            for topic in body.list("topics") {
                // The recorded records are years old.
                try log.broker.createTopic(
                    topic.text("name"),
                    partitionCount: Int32(topic.int("numPartitions")),
                    options: ["retention.ms": "-1"]
                )
            }
            return nil
        case "InitProducerId": return try initProducerID(body, version, recorded)
        case "AddPartitionsToTxn": return try addPartitions(body, version)
        case "AddOffsetsToTxn":
            let reply = try log.broker.addOffsets(
                transactionalID: body.text("transactionalId"),
                producerID: pid(body),
                epoch: epoch(body),
                group: body.text("groupId"),
                offsets: [:]
            )
            return "\(code(of: reply, old: version < 2))"
        case "EndTxn": return try endTransaction(body, version, recorded)
        case "Produce": return try produce(body, version, recorded)
        case "TxnOffsetCommit": return try commitInTransaction(body, version, recorded)
        case "OffsetCommit": return try commitOffsets(body, version)
        case "OffsetFetch": return try fetchOffsets(body, version)
        case "DescribeTransactions": return describe(body)
        case "ListOffsets", "Fetch": return try bounds(body, recorded)
        default: return nil
        }
    }

    private mutating func initProducerID(
        _ body: JSON,
        _ version: Int,
        _ recorded: JSON
    ) throws -> String {
        let reply = try log.broker.initProducerID(
            transactionalID: body["transactionalId"] as? String,
            timeout: .milliseconds(body.int("transactionTimeoutMs")),
            expected: (
                body["producerId"] == nil ? .none : pid(body),
                body["producerEpoch"] == nil ? .none : epoch(body)
            )
        )
        return text(of: reply, old: version < 4, recorded)
    }

    private mutating func endTransaction(
        _ body: JSON,
        _ version: Int,
        _ recorded: JSON
    ) throws -> String {
        let reply = try log.broker.endTransaction(
            transactionalID: body.text("transactionalId"),
            producerID: pid(body),
            epoch: epoch(body),
            result: body["committed"] as? Bool == true ? .commit : .abort,
            bumpsEpoch: version >= 5
        )
        return version >= 5
            ? text(of: reply, old: false, recorded) : "\(code(of: reply, old: version < 2))"
    }

    private func addPartitions(_ body: JSON, _ version: Int) throws -> String? {
        var partitions: [TopicPartition] = []
        for topic in body.list("v3AndBelowTopics") {
            // Which of several partitions gets which code is for the protocol to say.
            guard log.broker.topic(topic.text("name")) != nil else { return nil }
            for index in topic["partitions"] as? [Int] ?? [] {
                guard index < 4 else { return nil }
                partitions.append(
                    TopicPartition(topic.text("name"), PartitionIndex(Int32(index)))
                )
            }
        }
        guard !partitions.contains(where: { $0.topic.hasPrefix("__") }) else { return nil }
        let reply = try log.broker.addPartitions(
            transactionalID: body.text("v3AndBelowTransactionalId"),
            producerID: pid(body, "v3AndBelowProducerId"),
            epoch: ProducerEpoch(Int16(body.int("v3AndBelowProducerEpoch"))),
            partitions: partitions
        )
        return partitions.isEmpty ? nil : "\(code(of: reply, old: version < 2))"
    }

    private func produce(_ body: JSON, _ version: Int, _ recorded: JSON) throws -> String? {
        let id = body["transactionalId"] as? String
        guard id != "", id?.hasSuffix("-none") != true else { return nil }
        let data = body.list("topicData")[0]
        let partition = data.list("partitionData")[0]
        let name = TopicPartition(
            data.text("name"),
            PartitionIndex(Int32(partition.int("index")))
        )
        guard var bytes = Data(base64Encoded: partition.text("records")) else { return nil }
        return try bytes.withUnsafeMutableBytes { batch -> String? in
            let view = try RecordBatchView(UnsafeRawBufferPointer(batch))
            guard id != nil || !view.attributes.isTransactional else { return nil }
            let owner = ProducerID(ours(view.producerID.rawValue))
            TraceBatch.setProducer(owner, in: batch)
            if version >= 12, let id {
                let added = try log.broker.addPartitions(
                    transactionalID: id,
                    producerID: owner,
                    epoch: view.producerEpoch,
                    partitions: [name],
                    mustBeDurable: false
                )
                guard added == .done else { return "\(code(of: added, old: true)) -1" }
            }
            let outcome = try log.broker.produce(
                batch: batch,
                to: name,
                transactionalID: id,
                flush: true
            )
            switch outcome {
            case .appended(let base, _), .duplicate(let base, _): return "0 \(base.rawValue)"
            case .refused(let code, _): return "\(code.rawValue) -1"
            }
        }
    }

    private func commitInTransaction(
        _ body: JSON,
        _ version: Int,
        _ recorded: JSON
    ) throws -> String? {
        let topic = body.list("topics")[0]
        let partition = topic.list("partitions")[0]
        // Without AddOffsets before it, an old request is refused by the protocol's layer.
        if [48, 120].contains(recorded.firstCode) { return nil }
        let reply = try log.broker.addOffsets(
            transactionalID: body.text("transactionalId"),
            producerID: pid(body),
            epoch: epoch(body),
            group: body.text("groupId"),
            offsets: [
                TopicPartition(
                    topic.text("name"),
                    PartitionIndex(Int32(partition.int("partitionIndex")))
                ):
                    committed(partition)
            ]
        )
        return "\(code(of: reply, old: true))"
    }

    private func commitOffsets(_ body: JSON, _ version: Int) throws -> String? {
        guard version < 10 else { return nil }
        var codes: [Int] = []
        for topic in body.list("topics") {
            for partition in topic.list("partitions") {
                let name = TopicPartition(
                    topic.text("name"),
                    PartitionIndex(Int32(partition.int("partitionIndex")))
                )
                do {
                    try log.broker.commitOffsets(
                        group: body.text("groupId"),
                        [name: committed(partition)]
                    )
                    codes.append(0)
                } catch .refused(let code, _) {
                    codes.append(Int(code.rawValue))
                }
            }
        }
        return "\(codes)"
    }

    private func fetchOffsets(_ body: JSON, _ version: Int) throws -> String? {
        guard (8..<10).contains(version), let group = body.list("groups").first,
            body.list("groups").count == 1, group["topics"] is [JSON]
        else { return nil }
        let isStable = body["requireStable"] as? Bool == true
        var lines: [String] = []
        for topic in group.list("topics") {
            for index in topic["partitionIndexes"] as? [Int] ?? [] {
                let name = TopicPartition(topic.text("name"), PartitionIndex(Int32(index)))
                let answer = try log.broker.committedOffsets(
                    group: group.text("groupId"),
                    partitions: [name],
                    requireStable: isStable
                )
                switch answer[name] {
                case .committed(let value)?:
                    lines.append(
                        "0 \(value.offset.rawValue) \(value.leaderEpoch.rawValue) \(value.metadata)"
                    )
                case .unstable?: lines.append("88 -1 -1 ")
                case .none?, nil: lines.append("0 -1 -1 ")
                }
            }
        }
        return lines.joined(separator: "; ")
    }

    private func describe(_ body: JSON) -> String? {
        let ids = body["transactionalIds"] as? [String] ?? []
        return ids.map { id -> String in
            guard let found = log.broker.describeTransaction(id) else { return "105" }
            let partitions = found.partitions.map(\.description).sorted()
            return "\(found.state) \(found.timeoutMilliseconds) \(found.producerID.rawValue) "
                + "\(found.epoch.rawValue) \(partitions)".lowercased()
        }.joined(separator: "; ").lowercased()
    }

    private func bounds(_ body: JSON, _ recorded: JSON) throws -> String? {
        let topic = body.list("topics")[0]
        let partition = topic.list("partitions")[0]
        let index = (partition["partition"] ?? partition["partitionIndex"]) as? Int ?? 0
        let name = TopicPartition(
            (topic["topic"] ?? topic["name"]) as? String ?? "",
            PartitionIndex(Int32(index))
        )
        let isCommitted = body["isolationLevel"] as? Int == 1
        let bounds = try log.broker.bounds(of: name)
        if let timestamp = partition["timestamp"] as? Int {
            guard timestamp == -1 else { return nil }
            return "\((isCommitted ? bounds.lastStableOffset : bounds.highWatermark).rawValue)"
        }
        guard partition.int("fetchOffset") == 0 else { return nil }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 8)
        defer { buffer.deallocate() }
        let result = try log.broker.fetch(
            name,
            from: .zero,
            isolation: isCommitted ? .readCommitted : .readUncommitted,
            into: buffer
        )
        // Kafka's answers end with a segment, and these records are so old that each marker
        // begins one: it tells of fewer.
        let told = recorded.list("responses")[0].list("partitions")[0].list("abortedTransactions")
        let aborted = result.abortedTransactions.prefix(told.isEmpty ? 0 : .max).map {
            "\($0.producerID.rawValue)@\($0.firstOffset.rawValue)"
        }.sorted()
        return "\(bounds.highWatermark.rawValue) \(bounds.lastStableOffset.rawValue) \(aborted)"
    }

    // MARK: What Kafka answered

    private func expected(_ send: JSON, _ recorded: JSON) throws -> String {
        switch send["api"] as? String {
        case "InitProducerId": return pairText(recorded)
        case "EndTxn":
            return send.int("version") >= 5 ? pairText(recorded) : "\(recorded.int("errorCode"))"
        case "AddOffsetsToTxn": return "\(recorded.int("errorCode"))"
        case "Produce":
            let answer = recorded.list("responses")[0].list("partitionResponses")[0]
            return "\(answer.int("errorCode")) \(answer.int("baseOffset"))"
        case "OffsetFetch":
            return recorded.list("groups")[0].list("topics").flatMap { $0.list("partitions") }.map {
                "\($0.int("errorCode")) \($0.int("committedOffset")) "
                    + "\($0.int("committedLeaderEpoch")) \($0.text("metadata"))"
            }.joined(separator: "; ")
        case "OffsetCommit":
            let partitions = recorded.list("topics").flatMap { $0.list("partitions") }
            return "\(partitions.map { $0.int("errorCode") })"
        case "DescribeTransactions":
            return recorded.list("transactionStates").map(stateText).joined(separator: "; ")
        case "ListOffsets":
            return "\(recorded.list("topics")[0].list("partitions")[0].int("offset"))"
        case "Fetch":
            let answer = recorded.list("responses")[0].list("partitions")[0]
            let aborted = (answer["abortedTransactions"] as? [JSON] ?? []).map {
                "\(ours(Int64($0.int("producerId"))))@\($0.int("firstOffset"))"
            }.sorted()
            return "\(answer.int("highWatermark")) \(answer.int("lastStableOffset")) \(aborted)"
        default: return "\(recorded.firstCode)"
        }
    }

    private func stateText(_ state: JSON) -> String {
        guard state.int("errorCode") == 0 else { return "\(state.int("errorCode"))" }
        let partitions = state.list("topics").flatMap { topic in
            (topic["partitions"] as? [Int] ?? []).map { "\(topic.text("topic"))-\($0)" }
        }
        return
            "\(state.text("transactionState")) \(state.int("transactionTimeoutMs")) "
            .lowercased()
            + "\(ours(Int64(state.int("producerId")))) \(state.int("producerEpoch")) "
            + "\(partitions.sorted())"
    }

    private func pairText(_ answer: JSON) -> String {
        guard answer.int("errorCode") == 0 else { return "\(answer.int("errorCode"))" }
        return "0 \(ours(Int64(answer.int("producerId")))) \(answer.int("producerEpoch"))"
    }

    // MARK: Values

    private mutating func text(of reply: TransactionReply, old: Bool, _ recorded: JSON) -> String {
        guard case .producer(let id, let epoch) = reply else {
            return "\(code(of: reply, old: old))"
        }
        if recorded["errorCode"] as? Int == 0 {
            producerIDs[Int64(recorded.int("producerId"))] = id.rawValue
        }
        return "0 \(id.rawValue) \(epoch.rawValue)"
    }

    private func code(of reply: TransactionReply, old: Bool) -> Int {
        guard case .error(let code) = reply else { return 0 }
        let isFenced = code == .producerFenced
        return Int(old && isFenced ? KafkaErrorCode.invalidProducerEpoch.rawValue : code.rawValue)
    }

    private func committed(_ partition: JSON) -> CommittedOffset {
        CommittedOffset(
            offset: Offset(Int64(partition.int("committedOffset"))),
            leaderEpoch: LeaderEpoch(Int32(partition.int("committedLeaderEpoch"))),
            metadata: partition["committedMetadata"] as? String ?? "",
            commitTime: log.time.wallTime()
        )
    }

    private func pid(_ body: JSON, _ key: String = "producerId") -> ProducerID {
        ProducerID(ours(Int64(body.int(key))))
    }

    private func epoch(_ body: JSON) -> ProducerEpoch {
        ProducerEpoch(Int16(body.int("producerEpoch")))
    }

    /// Our producer id for a recorded one; one that nobody has for one that nobody had.
    private func ours(_ recorded: Int64) -> Int64 { producerIDs[recorded] ?? recorded + 1_000_000 }
}

enum TraceBatch {
    /// Puts another producer id into a sealed batch and sums it anew.
    static func setProducer(_ id: ProducerID, in batch: UnsafeMutableRawBufferPointer) {
        var bigEndian = id.rawValue.bigEndian
        withUnsafeBytes(of: &bigEndian) { bytes in
            for (index, byte) in bytes.enumerated() {
                batch[RecordBatchLayout.producerID + index] = byte
            }
        }
        guard let view = try? RecordBatchView(UnsafeRawBufferPointer(batch)) else { return }
        var checksum = view.computedChecksum.bigEndian
        withUnsafeBytes(of: &checksum) { bytes in
            for (index, byte) in bytes.enumerated() {
                batch[RecordBatchLayout.checksum + index] = byte
            }
        }
    }
}

extension [String: Any] {
    func int(_ key: String) -> Int { self[key] as? Int ?? -1 }
    func text(_ key: String) -> String { self[key] as? String ?? "" }
    func json(_ key: String) -> [String: Any] { self[key] as? [String: Any] ?? [:] }
    func list(_ key: String) -> [[String: Any]] { self[key] as? [[String: Any]] ?? [] }

    /// The first error code anywhere inside.
    var firstCode: Int {
        for key in ["errorCode", "partitionErrorCode"] {
            if let code = self[key] as? Int { return code }
        }
        for key in keys.sorted() {
            for inner in list(key) where inner.firstCode != -1 { return inner.firstCode }
        }
        return -1
    }
}
