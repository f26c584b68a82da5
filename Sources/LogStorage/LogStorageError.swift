package import LogModel

/// A failure of the log on disk.
package enum LogStorageError: Error, Equatable, Sendable {
    /// The file system said no; `.full` is the one case that ends by itself.
    case disk(DiskError)
    /// The partition takes no more appends: damage was found, or a flush failed.
    case readOnly(String)
    /// Bytes are not what was written; the text says where.
    case corrupt(String)
    /// The offset lies outside the log.
    case offsetOutOfRange
    /// The first batch needs this many bytes.
    case bufferTooSmall(needed: Int)
    /// An option with a value that makes no sense.
    case invalidConfiguration(String)
    /// The partition cannot be opened; the others can.
    case offline(String)
    /// There is no data directory, and none was to be made.
    case noDirectory(String)
    /// A Kafka broker's directory, which is only ever read.
    case kafkaDirectory(String)
    /// A folder with somebody else's files.
    case foreignDirectory(String)
    /// A data directory of a format that this program does not read.
    case otherFormat(String)
}

extension LogStorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .disk(let error): error.description
        case .readOnly(let reason), .offline(let reason): reason
        case .corrupt(let what), .invalidConfiguration(let what), .otherFormat(let what): what
        case .offsetOutOfRange: "the offset lies outside the log"
        case .bufferTooSmall(let needed): "the first batch needs a buffer of \(needed) bytes"
        case .noDirectory(let path): "there is no data directory in \(path)"
        case .kafkaDirectory(let path): "\(path): \(KafkaDirectoryRefusal.what)"
        case .foreignDirectory(let path): "\(path) holds files that Millrace did not write"
        }
    }
}

/// Runs file operations, turning their errors into this module's.
func onDisk<Result>(
    _ body: () throws(DiskError) -> Result
) throws(LogStorageError) -> Result {
    do throws(DiskError) { return try body() } catch { throw .disk(error) }
}

/// Who made a batch that is appended.
package enum AppendOrigin: Sendable {
    /// A client: everything is checked, down to the records.
    case client
    /// A producer of this process, with our own builder: the header is checked. The CRC was
    /// computed a moment ago over the same memory, and whoever reads the batch checks it.
    case embedded
    /// A coordinator of this process.
    case coordinator
    /// An import: the batch keeps its base offset, and gaps before it are as they were.
    case imported
}

/// What became of an append.
package enum AppendOutcome: Equatable, Sendable {
    case appended(base: Offset, last: Offset)
    /// The producer sent this batch before; it is there already.
    case duplicate(base: Offset, last: Offset)
    case refused(KafkaErrorCode, String)
}

/// The offsets between which a log can be read.
package struct LogBounds: Equatable, Sendable {
    package var logStart: Offset
    /// Behind the last durable record.
    package var highWatermark: Offset
    /// The first offset of the oldest transaction that is open, or whose end is not durable yet;
    /// else the high watermark.
    package var lastStableOffset: Offset
    /// Behind the last appended record.
    package var logEnd: Offset
}

/// What a read found.
package struct LogReadResult: Sendable {
    package var byteCount: Int
    package var abortedTransactions: [AbortedTransaction]
    package var bounds: LogBounds
}

/// A producer that the log remembers.
package struct ActiveProducer: Equatable, Sendable {
    package var producerID: ProducerID
    package var epoch: ProducerEpoch
    package var lastSequence: SequenceNumber
    package var lastTimestamp: Timestamp
    package var coordinatorEpoch: Int32
    package var currentTransactionFirstOffset: Offset?
}

/// What opening a partition found and did.
package struct RecoveryReport: Equatable, Sendable {
    /// A tail that was never flushed and could not be read: it was cut.
    package struct Cut: Equatable, Sendable {
        package var offset: Offset
        package var byteCount: Int64
        package var reason: String
    }

    /// Damage below the last flush: nothing was cut, the partition is read-only up to it.
    package struct Damage: Equatable, Sendable {
        package var offset: Offset
        package var file: String
        package var position: Int64
        package var reason: String
        /// Where the end of the log is not known: the command of a shell that takes away what is
        /// not whole, so that the next start goes on with what lies before it.
        package var wayOut: String?
        /// What lay in front of all that is there is missing, which can be read up to `offset`.
        package var lacksBegin = false
    }

    package var wasClean = false
    package var scannedByteCount: Int64 = 0
    package var rebuiltIndexes = 0
    /// Why the file of leader epochs was not believed and made anew from the batches.
    package var rebuiltEpochs: String?
    package var cut: Cut?
    package var damage: Damage?
}
