import DirectoryAccess
import Glibc
import KafkaClient
import LogClient
import LogModel
import Terminal

/// Waits until jobs have come past replayed records, and looks whether some of them are dead
/// letters again.
final class RefailWatch {
    struct Refailure {
        /// How many of the replay's records failed again so far.
        var count: Int
        /// The first of their new dead letters.
        var first: LetterPlace
        var message: String
    }

    private static let pauseMicroseconds: UInt32 = 50_000

    private let log: ServedLog
    private let letters: LetterTopic
    private let id: String
    /// Whose position tells; each letter's job where none is named.
    private let group: String?
    private let patience: Duration
    private let signals: SignalListener
    /// Up to where dead letters were looked at.
    private var positions: [TopicPartition: Int64]

    init(
        _ log: ServedLog,
        _ letters: LetterTopic,
        id: String,
        group: String?,
        patience: Duration,
        _ signals: SignalListener
    ) {
        self.log = log
        self.letters = letters
        self.id = id
        self.group = group
        self.patience = patience
        self.signals = signals
        positions = letters.bounds.mapValues(\.upperBound)
    }

    /// A signal has ended the waiting.
    var isInterrupted: Bool { signals.request != nil }

    /// The group that will read the record of a dead letter.
    func group(of letter: DeadLetterView) throws(CommandFailure) -> String {
        if let group { return group }
        if let bytes = letter[.job], !bytes.isEmpty, bytes.count <= 249,
            let job = String(validating: bytes, as: UTF8.self)
        {
            return job
        }
        throw CommandFailure(
            "a dead letter does not say which job it is of",
            place: "\(letter.place.partition) at offset \(letter.place.offset.rawValue)",
            reason: "--stop-on-refail waits for the job to come past what is replayed",
            next: "name the group that reads it: --group GROUP"
        )
    }

    /// Waits until each group has come past the ends of what it reads; then tells what failed
    /// again. Nil where nothing did, or where a signal has ended the waiting.
    func refailure(
        of readers: [String: Set<TopicPartition>],
        behind ends: [TopicPartition: Offset?]
    ) throws -> Refailure? {
        let deadline = ContinuousClock.now + patience
        for (group, partitions) in readers.sorted(by: { $0.key < $1.key }) {
            for partition in partitions.sorted() {
                let end: Offset
                if let known = ends[partition].flatMap({ $0 }) {
                    end = known
                } else {
                    end = try log.toldBounds(of: partition).highWatermark
                }
                guard try wait(for: group, toPass: end, of: partition, deadline) else { return nil }
            }
        }
        return try findRefailures(deadline)
    }

    private func wait(
        for group: String,
        toPass end: Offset,
        of partition: TopicPartition,
        _ deadline: ContinuousClock.Instant
    ) throws -> Bool {
        while true {
            let what = "the position of '\(group)' is not told"
            let position = try log.asking(what) { cluster throws(KafkaClientError) in
                try cluster.committedOffsets(group: group, partitions: [partition])[partition]
            }
            if let position, position >= end { return true }
            guard !isInterrupted else { return false }
            guard ContinuousClock.now < deadline else {
                throw CommandFailure(
                    "whether replayed records fail again is not known",
                    place: "\(log.place)",
                    reason: "'\(group)' has not come past them within \(patience.spelled): it "
                        + (position.map { "stands at offset \($0.rawValue) of" }
                            ?? "has no position in")
                        + " \(partition), and they end at \(end.rawValue)",
                    next: "see that the job runs; what is replayed is noted, and the same command "
                        + "goes on with the rest"
                )
            }
            usleep(Self.pauseMicroseconds)
        }
    }

    /// A job's dead letters are in the transaction that its position is in. So what was appended
    /// up to now is all that matters, once it is decided.
    private func findRefailures(_ deadline: ContinuousClock.Instant) throws -> Refailure? {
        var found: Refailure?
        var reader = DeadLetterReader()
        for partition in positions.keys.sorted() {
            let end = try log.toldBounds(of: partition).highWatermark
            guard
                try log.waitUntilStable(
                    partition,
                    until: deadline,
                    isStopped: { self.isInterrupted }
                )
            else { return nil }
            let start = positions[partition] ?? 0
            guard start < end.rawValue else { continue }
            positions[partition] = try log.scan(partition, start..<end.rawValue) { record, batch in
                let letter = reader.letter(record, of: batch, in: partition)
                guard letter.isLetter, let bytes = letter[.replayID],
                    bytes.elementsEqual(self.id.utf8)
                else { return true }
                let message = letter[.message].map { LetterText.shown($0, limit: 200) } ?? ""
                found = Refailure(
                    count: (found?.count ?? 0) + 1,
                    first: found?.first ?? letter.place,
                    message: found?.message ?? message
                )
                return true
            }
        }
        return found
    }
}
