import DirectoryAccess
import Glibc
import KafkaClient
import LogModel
import Terminal

/// Writes down what was done about dead letters, in the transactions in which it is done.
///
/// One transactional id belongs to each topic of dead letters. A second command takes it from the
/// first, whose next step is refused, and reads what the first has noted: so two that run at once
/// never do something about the same dead letter twice.
final class AuditWriter {
    private let log: ServedLog
    private let audit: TopicPartition
    private let cause: AuditRecord.Cause
    let producer: TransactionalProducer
    private var noted: [PartitionIndex: OffsetRanges] = [:]
    /// Dead letters that the open transaction is about.
    private(set) var notedCount = 0
    /// Those that committed ones were about.
    private(set) var committedCount = 0
    private(set) var transactionCount = 0

    /// The most dead letters of a transaction: its audit record has to fit into a batch.
    static let letterLimit = 10_000
    private static let timeout = Duration.seconds(60)

    /// Takes over the dead letters of a topic; on return nobody else has a transaction open that is
    /// about them.
    init(
        _ letters: LetterTopic,
        cause: AuditRecord.Cause,
        in log: ServedLog
    ) throws(CommandFailure) {
        self.log = log
        self.cause = cause
        audit = letters.audit
        let name = letters.audit.topic
        try log.createTopicIfAbsent(name, partitionCount: 1)
        try Self.requireKept(name, in: log)
        producer = try log.asking("the dead letters of '\(letters.name)' are not taken over") {
            cluster throws(KafkaClientError) in
            try TransactionalProducer(
                "millrace-dlq-\(letters.name)",
                timeout: Self.timeout,
                on: cluster
            )
        }
    }

    /// What is forgotten of what was done about dead letters would be done again. The topic may
    /// have been made by something else, with the defaults of topics.
    private static func requireKept(_ name: String, in log: ServedLog) throws(CommandFailure) {
        guard let keeping = try log.noteKeeping(of: name) else { return }
        throw CommandFailure(
            "nothing was done about these dead letters",
            place: "topic \(name) of \(log.place)",
            reason: "what was done is noted there, and it would forget that: \(keeping.found)",
            next: keeping.next(name, at: log.place)
        )
    }

    /// Notes a dead letter in the open transaction.
    func note(_ place: LetterPlace) {
        noted[place.partition.partition, default: OffsetRanges()].append(place.offset)
        notedCount += 1
    }

    /// Commits the open transaction with what is noted.
    func commit() throws(CommandFailure) {
        guard notedCount > 0 else { return }
        var batch = RecordBatchBuilder()
        let now = SystemTimeSource().wallTime()
        for (partition, offsets) in noted.sorted(by: { $0.key < $1.key }) {
            AuditRecord(cause: cause, partition: partition, offsets: offsets)
                .append(to: &batch, at: now)
        }
        try append(&batch, to: audit)
        do throws(KafkaClientError) { try producer.commit() } catch {
            var failure = self.failure(error)
            if error.isUncertain || error.isRetriable {
                failure.reason =
                    "\(error); whether the last batch counts, the next command finds out"
            }
            throw failure
        }
        committedCount += notedCount
        transactionCount += 1
        noted = [:]
        notedCount = 0
    }

    /// Writes into the open transaction.
    @discardableResult
    func append(
        _ batch: inout RecordBatchBuilder,
        to partition: TopicPartition
    ) throws(CommandFailure) -> Offset? {
        do throws(KafkaClientError) { return try producer.append(&batch, to: partition) } catch {
            var failure = failure(error)
            failure.place = "\(partition) of \(log.place)"
            throw failure
        }
    }

    /// Waits until what was committed is seen by who looks now.
    func settle() throws {
        guard transactionCount > 0 else { return }
        try log.waitUntilStable(audit)
    }

    /// Takes back what is not committed: it was not wanted any more.
    func takeBack() throws(CommandFailure) {
        do throws(KafkaClientError) { try producer.abort() } catch { throw failure(error) }
    }

    /// Takes back what is not committed, after something else went wrong; the failure as it is
    /// told.
    func abandon(after error: any Error) -> any Error {
        guard producer.isOpen else { return error }
        do throws(KafkaClientError) {
            try producer.abort()
            return error
        } catch let second {
            guard var failure = error as? CommandFailure else { return error }
            let words = "what was not committed is not taken back yet: \(second)"
            failure.reason = failure.reason.map { "\($0); \(words)" } ?? words
            return failure
        }
    }

    private func failure(_ error: KafkaClientError) -> CommandFailure {
        var failure = log.failure("a batch of dead letters was not committed", error)
        switch error.code {
        case .producerFenced, .invalidProducerEpoch:
            failure.reason = "another command has taken the dead letters over (\(error))"
            failure.next = log.place.next("dlq list")
        case .messageTooLarge:
            failure.next = log.place.next("topic alter TOPIC --config max.message.bytes=N")
        default: break
        }
        return failure
    }

    // MARK: Words

    /// Who gives the command.
    static func author() -> String {
        var host = [CChar](repeating: 0, count: 256)
        let hostName =
            gethostname(&host, host.count - 1) == 0
            ? String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            : "unknown"
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else {
            return "\(getuid())@\(hostName)"
        }
        return "\(String(cString: name))@\(hostName)"
    }

    /// A name for a run of a command, by when it began.
    static func runID(at now: Timestamp, random: UInt32) -> String {
        let digits = String(random, radix: 16)
        let time = utcText(now).prefix(19).filter { $0 != "-" && $0 != ":" }
        return "\(time)Z-" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}

extension ServedLog {
    /// Makes a topic that keeps its records for ever, unless it is there.
    func createTopicIfAbsent(_ name: String, partitionCount: Int32) throws(CommandFailure) {
        try changing("the topic '\(name)'", .was, "made") { cluster throws(KafkaClientError) in
            guard try cluster.topics(named: [name]).isEmpty else { return }
            do throws(KafkaClientError) {
                try cluster.createTopic(
                    name,
                    partitionCount: partitionCount,
                    options: NoteKeeping.options
                )
            } catch {
                // Another command was quicker.
                guard error.code == .topicAlreadyExists else { throw error }
            }
        }
    }
}
