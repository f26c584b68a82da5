import DirectoryAccess
import Glibc
import KafkaClient
import LogModel
import StreamsRuntime
import Terminal

/// A signal came before it was known what there is to do: nothing was done.
struct ScanStopped: Error {}

/// Reading stretches of partitions, batch by batch.
extension ServedLog {
    /// What one fetch of a scan brings.
    private static let scanByteLimit: Int32 = 4 << 20
    /// What is fetched for one record: the batch that it is in comes whole, however large.
    static let recordByteLimit: Int32 = 1 << 12
    private static let pauseMicroseconds: UInt32 = 20_000

    /// Calls `body` with each committed record of these offsets, in order, until it says that it
    /// has seen enough. All of them have to be stable: an answer without records is none, and is
    /// asked for again.
    ///
    /// - Parameter isStopped: asked before each fetch; true ends it.
    /// - Returns: where it ended: at the end of the offsets, or behind the record that was enough.
    /// - Throws: where the log brings no more before the end of the offsets.
    @discardableResult
    func scan(
        _ partition: TopicPartition,
        _ offsets: Range<Int64>,
        byteLimit: Int32 = scanByteLimit,
        isStopped: () -> Bool = { false },
        _ body: (RecordView, RecordBatchView) throws -> Bool
    ) throws -> Int64 {
        var position = offsets.lowerBound
        var decompressor = RecordDecompressor()
        var byteLimit = byteLimit
        var deadline: ContinuousClock.Instant?
        while position < offsets.upperBound, !isStopped() {
            let answer = try fetched(partition, from: Offset(position), byteLimit)
            if answer.code == .offsetOutOfRange {
                // Retention was quicker.
                guard let start = try logStart(of: partition), start > position else {
                    throw endsEarly(partition, position, offsets.upperBound)
                }
                position = start
                continue
            }
            let before = position
            let isEnough = try answer.records.withUnsafeBytes { bytes in
                try walk(
                    bytes,
                    AbortedFilter(answer.abortedTransactions),
                    partition,
                    &position,
                    before: offsets.upperBound,
                    &decompressor,
                    body
                )
            }
            if isEnough { return position }
            guard position == before else {
                deadline = nil
                continue
            }
            // A server of old times brings no batch that is larger than the limit.
            if byteLimit < Self.scanByteLimit {
                byteLimit = Self.scanByteLimit
                continue
            }
            let last = deadline ?? ContinuousClock.now + emptyAnswerPatience
            guard ContinuousClock.now < last else {
                throw endsEarly(partition, position, offsets.upperBound)
            }
            deadline = last
            usleep(Self.pauseMicroseconds)
        }
        return position
    }

    private func fetched(
        _ partition: TopicPartition,
        from position: Offset,
        _ byteLimit: Int32
    ) throws(CommandFailure) -> FetchedPartition {
        let what = "\(partition) is not read on"
        let answers = try asking(what) { cluster throws(KafkaClientError) in
            try cluster.fetch(
                [partition: position],
                isolation: .readCommitted,
                byteLimit: byteLimit,
                wait: .zero
            )
        }
        guard let answer = answers[partition] else {
            throw CommandFailure(what, place: "\(place)", reason: "the answer leaves it out")
        }
        guard answer.code == .none || answer.code == .offsetOutOfRange else {
            throw failure(what, .refused(answer.code, about: "\(partition)", ""))
        }
        return answer
    }

    private func endsEarly(
        _ partition: TopicPartition,
        _ position: Int64,
        _ end: Int64
    ) -> CommandFailure {
        let look = place.next("topic describe \(argument: partition.topic)")
        return CommandFailure(
            "what \(partition) holds from offset \(position) on is not known",
            place: "\(place)",
            reason: "no records are brought from there, though there are committed ones up to "
                + "offset \(end)",
            next: "the same command again; \(look) shows how the partition is"
        )
    }

    /// The batches of an answer; true where `body` has seen enough.
    private func walk(
        _ bytes: UnsafeRawBufferPointer,
        _ filter: AbortedFilter,
        _ partition: TopicPartition,
        _ position: inout Int64,
        before end: Int64,
        _ decompressor: inout RecordDecompressor,
        _ body: (RecordView, RecordBatchView) throws -> Bool
    ) throws -> Bool {
        var filter = filter
        var batches = RecordBatchSequence(bytes)
        do {
            while position < end, let batch = try batches.next() {
                try batch.verifyChecksum()
                guard batch.nextOffset.rawValue > position else { continue }
                if batch.attributes.isControl {
                    try filter.noteControl(of: batch)
                } else if !filter.hides(batch) {
                    var records = try decompressor.records(
                        of: batch,
                        byteLimit: BatchLimit.recordByteCount
                    )
                    while let record = try records.next() {
                        let offset = batch.offset(of: record).rawValue
                        guard offset >= position else { continue }
                        guard offset < end else { break }
                        position = offset + 1
                        if try !body(record, batch) { return true }
                    }
                }
                position = max(position, batch.nextOffset.rawValue)
            }
        } catch let error as RecordBatchError {
            throw CommandFailure(
                "a batch is damaged",
                place: "\(partition) at or after offset \(position)",
                reason: "\(error)",
                next: place.directory == nil ? nil : place.next("log verify")
            )
        }
        return false
    }

    private func logStart(of partition: TopicPartition) throws -> Int64? {
        try asking("the start of \(partition) is not told") { cluster throws(KafkaClientError) in
            try cluster.offset(.earliest, of: partition, isolation: .readUncommitted)
        }?.rawValue
    }
}
