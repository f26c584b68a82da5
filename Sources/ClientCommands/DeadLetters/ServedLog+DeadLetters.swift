import DirectoryAccess
import Glibc
import KafkaClient
import LogClient
import LogModel
import Streams
import Terminal

/// A topic of dead letters as a command finds it.
struct LetterTopic {
    let topic: ClusterTopic
    /// The offsets up to which it is read, by partition: what is stable when the command begins.
    let bounds: [TopicPartition: Range<Int64>]

    var name: String { topic.name }
    var audit: TopicPartition {
        TopicPartition(DeadLetterNoteName.auditTopic(of: name), PartitionIndex(0))
    }

    /// What dead letters' topics end in where nothing else is said.
    static let suffix = "-dead-letters"
}

extension ServedLog {
    /// The topics of these names, every topic of dead letters for none.
    func letterTopics(_ names: [String]) throws -> [LetterTopic] {
        guard names.isEmpty else { return try names.map { try letterTopic($0) } }
        let all = try asking("the topics are not told") { cluster throws(KafkaClientError) in
            try cluster.topics(named: nil)
        }
        return try all.filter { $0.name.hasSuffix(LetterTopic.suffix) }.map(letters(of:))
    }

    /// Calls `body` with each of these topics, every topic of dead letters for none. What fails of
    /// one of several is told, and the others are looked at all the same.
    func eachLetterTopic(
        _ names: [String],
        _ failures: inout TopicFailures,
        _ body: (LetterTopic) throws -> Void
    ) throws {
        let topics = try letterTopics(names)
        if topics.isEmpty {
            TextOutput.error.write(
                "note: no topic of \(place) ends in \(LetterTopic.suffix); one of another name is "
                    + "given as TOPIC\n"
            )
        }
        for topic in topics {
            do { try body(topic) } catch let failure as CommandFailure where topics.count > 1 {
                failures.tell(failure)
            }
        }
    }

    /// The topic of this name: that of the audit records is none of dead letters, nor one whose
    /// records are all something else.
    ///
    /// - Throws: `ScanStopped` where `isStopped` said so.
    func letterTopic(
        _ name: String,
        isStopped: () -> Bool = { false }
    ) throws -> LetterTopic {
        let letters = try letters(of: try requireTopic(name, canBeMade: false))
        let audited = DeadLetterNoteName.lettersTopic(of: name)
        if let audited, audited.hasSuffix(LetterTopic.suffix) {
            throw CommandFailure(
                "'\(name)' holds no dead letters",
                place: "\(place)",
                reason: "it is where it is noted what was done about those of '\(audited)'",
                next: place.next("dlq list \(argument: audited)")
            )
        }
        let count = try countBeforeFirstLetter(of: letters, isStopped)
        guard count == 0 else {
            throw CommandFailure(
                "'\(name)' holds no dead letters",
                place: "\(place)",
                reason: "a dead letter is told by headers of its failure, such as "
                    + "\(DeadLetterHeader.reason) or \(DeadLetterHeader.topic), and "
                    + (count == 1
                        ? "the record there has none"
                        : "none of the \(counted(count, "record")) there has one"),
                next: place.next("dlq list")
            )
        }
        return letters
    }

    /// How many records there are where none is a dead letter; 0 where one is.
    private func countBeforeFirstLetter(
        of letters: LetterTopic,
        _ isStopped: () -> Bool
    ) throws -> Int {
        var reader = DeadLetterReader()
        var count = 0
        var isFound = false
        for (partition, offsets) in letters.bounds.sorted(by: { $0.key < $1.key }) where !isFound {
            try scan(partition, offsets, isStopped: isStopped) { record, batch in
                isFound = reader.letter(record, of: batch, in: partition).isLetter
                count += 1
                return !isFound
            }
            if isStopped() { throw ScanStopped() }
        }
        return isFound ? 0 : count
    }

    func letters(of topic: ClusterTopic) throws -> LetterTopic {
        let bounds = try bounds(of: topic.partitionNames)
        var known: [TopicPartition: Range<Int64>] = [:]
        for name in topic.partitionNames {
            let bounds = try asking("the offsets of \(name) are not told") {
                _ throws(KafkaClientError) in
                try bounds[name]?.get()
            }
            guard let bounds else { continue }
            let start = bounds.logStart.rawValue
            known[name] = start..<max(start, bounds.lastStableOffset.rawValue)
        }
        return LetterTopic(topic: topic, bounds: known)
    }

    /// For the markers of a transaction that is decided.
    private static let settlingPatience = Duration.seconds(10)
    private static let pauseMicroseconds: UInt32 = 20_000

    /// Waits until what a partition has now is decided, and is seen so: a coordinator may answer
    /// before all partitions of a transaction have its marker. False where `isStopped` said so.
    @discardableResult
    func waitUntilStable(
        _ partition: TopicPartition,
        until deadline: ContinuousClock.Instant? = nil,
        isStopped: () -> Bool = { false }
    ) throws -> Bool {
        let deadline = deadline ?? ContinuousClock.now + Self.settlingPatience
        var now = try bounds(of: partition)
        let end = now.highWatermark
        while now.lastStableOffset < end {
            guard !isStopped() else { return false }
            guard ContinuousClock.now < deadline else {
                throw CommandFailure(
                    "what \(partition) has is not decided",
                    place: "\(place)",
                    reason: "a transaction is open there from offset "
                        + "\(now.lastStableOffset.rawValue) on",
                    next: place.next("txn list")
                )
            }
            usleep(Self.pauseMicroseconds)
            now = try bounds(of: partition)
        }
        return true
    }

    /// Calls `body` with the dead letters that meet conditions, and with their states; false ends
    /// it. Records that are no dead letters are passed over.
    ///
    /// - Returns: whether `isStopped`, which is asked at fetches and records, ended it on the way.
    @discardableResult
    func scanLetters(
        of letters: LetterTopic,
        _ conditions: LetterConditions,
        _ states: LetterStates,
        isStopped: () -> Bool = { false },
        _ body: (DeadLetterView, LetterState) throws -> Bool
    ) throws -> Bool {
        var reader = DeadLetterReader()
        var goesOn = true
        var isCutShort = false
        for (partition, offsets) in letters.bounds.sorted(by: { $0.key < $1.key })
        where goesOn && conditions.mayMatch(partition.partition) {
            let narrowed = conditions.narrowed(offsets)
            let end = try scan(partition, narrowed, isStopped: isStopped) { record, batch in
                isCutShort = isStopped()
                guard !isCutShort else {
                    goesOn = false
                    return false
                }
                let letter = reader.letter(record, of: batch, in: partition)
                guard letter.isLetter else { return true }
                let state = states.state(of: letter.place)
                guard conditions.states.contains(state), conditions.matches(letter) else {
                    return true
                }
                goesOn = try body(letter, state)
                return goesOn
            }
            if goesOn, end < narrowed.upperBound, isStopped() { return true }
        }
        return isCutShort
    }
}
