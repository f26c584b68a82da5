import KafkaClient
import LogClient
import LogModel
import Terminal

/// Looks for the records that dead letters were made of.
struct SourceRecords {
    enum Presence: String {
        case there
        case gone
        /// The dead letter does not say where it was.
        case unknown
    }

    private let log: ServedLog
    /// Whether topics that letters name exist; so many are remembered.
    private var topics: [String: Int] = [:]
    /// What partitions that letters name had when they were asked; of so many at most.
    private var bounds: [TopicPartition: Range<Offset>] = [:]
    private static let topicLimit = 1000

    init(_ log: ServedLog) { self.log = log }

    mutating func presence(of letter: DeadLetterView) throws -> Presence {
        guard letter.source?.offset != nil else { return .unknown }
        var isThere = false
        try withRecord(of: letter) { _, _ in isThere = true }
        return isThere ? .there : .gone
    }

    /// Lends the record that a letter was made of to `body`, if it is still there: a topic that was
    /// deleted and made again has another at its offset.
    mutating func withRecord(
        of letter: DeadLetterView,
        _ body: (RecordView, RecordBatchView) throws -> Void
    ) throws {
        guard let (partition, offset) = letter.source, let offset, offset.rawValue < Int64.max,
            Int(partition.partition.rawValue) < (try partitionCount(of: partition.topic))
        else { return }
        guard try holds(offset, in: partition) else { return }
        try log.scan(
            partition,
            offset.rawValue..<(offset.rawValue + 1),
            byteLimit: ServedLog.recordByteLimit
        ) { record, batch in
            if letter.mayBe(of: record, in: batch) { try body(record, batch) }
            return false
        }
    }

    /// Whether an offset lies between the ends of a partition. They are asked for once where that
    /// says so: a log start that moves meanwhile is met by who reads there.
    private mutating func holds(_ offset: Offset, in partition: TopicPartition) throws -> Bool {
        if bounds[partition]?.contains(offset) ?? false { return true }
        let now = try log.toldBounds(of: partition)
        let known = now.logStart..<max(now.logStart, now.lastStableOffset)
        if bounds.count >= Self.topicLimit { bounds = [:] }
        bounds[partition] = known
        return known.contains(offset)
    }

    private mutating func partitionCount(of topic: String) throws -> Int {
        if let known = topics[topic] { return known }
        let found = try log.asking("the topic '\(topic)' is not looked up") {
            cluster throws(KafkaClientError) in
            try cluster.topics(named: [topic])
        }
        if topics.count >= Self.topicLimit { topics = [:] }
        let count = found.first?.partitions.count ?? 0
        topics[topic] = count
        return count
    }
}
