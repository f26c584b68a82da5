package import LogModel
package import LogStorage

/// Why the log cannot do what was asked.
package enum BrokerError: Error, Equatable, Sendable {
    /// Another process, or another broker in this one, owns the directory; `owner` is what it
    /// wrote into the lock file.
    case directoryInUse(directory: String, owner: String)
    /// There is no data directory, and none was to be made.
    case noDirectory(String)
    /// A Kafka broker's directory, which is read and never written.
    case kafkaDirectory(String)
    /// A folder with somebody else's files.
    case foreignDirectory(String)
    /// A data directory of another format; the text says which.
    case otherFormat(String)
    /// The request is refused: Kafka's code and words.
    case refused(KafkaErrorCode, String)
    /// No space for more records; reads and the ends of transactions go on.
    case full(String)
    /// A decision is in the log and waits for space to count: to be asked for again, as with
    /// Kafka's CONCURRENT_TRANSACTIONS. The text says what it waits for.
    case undecided(String)
    /// A partition's bytes are not what was written, or a flush failed: it takes no more.
    case readOnly(String)
    /// A partition cannot be opened; the others can.
    case offline(String)
    /// Bytes on disk that are not what was written.
    case corrupt(String)
    /// The position lies outside the partition.
    case offsetOutOfRange(String)
    /// The buffer is smaller than the first batch.
    case bufferTooSmall(needed: Int)
    /// The broker was closed.
    case closed
    /// The disk refused, in the operating system's words.
    case disk(DiskError)
    /// A coordinator's record could not be made: a name or a text longer than the format allows.
    case tooLong(String)
}

extension BrokerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .directoryInUse(let directory, let owner):
            "\(directory) is in use by \(owner)"
        case .noDirectory(let directory): "there is no data directory in \(directory)"
        case .kafkaDirectory: KafkaDirectoryRefusal.reason
        case .foreignDirectory(let path): "\(path) holds files that Millrace did not write"
        case .otherFormat(let what): what
        case .refused(let code, let message):
            message.isEmpty ? "refused with Kafka's error \(code.rawValue)" : message
        case .full(let what), .undecided(let what), .readOnly(let what), .offline(let what): what
        case .corrupt(let what): what
        case .offsetOutOfRange(let what): what
        case .bufferTooSmall(let needed): "the first batch needs a buffer of \(needed) bytes"
        case .closed: "the log is closed"
        case .disk(let error): error.description
        case .tooLong(let what): "\(what) is too long for the log's format"
        }
    }
}

extension BrokerError {
    /// Whether it goes on by itself once there is room on the disk.
    var isFull: Bool {
        if case .full = self { true } else { false }
    }

    /// What an error of the storage means here; `partition` is where it happened.
    package init(_ error: LogStorageError, in partition: String) {
        switch error {
        case .disk(.full(_, let isLargest)):
            self = .full(
                isLargest
                    ? "\(partition) takes no more: \(DiskError.largestWords)"
                    : "no space left for \(partition)"
            )
        case .disk(let error): self = .disk(error)
        case .readOnly(let reason): self = .readOnly("\(partition) takes no more: \(reason)")
        case .offline(let reason): self = .offline("\(partition) is offline: \(reason)")
        case .corrupt(let what): self = .corrupt("\(partition): \(what)")
        case .offsetOutOfRange: self = .offsetOutOfRange(partition)
        case .bufferTooSmall(let needed): self = .bufferTooSmall(needed: needed)
        case .invalidConfiguration(let text): self = .refused(.invalidConfiguration, text)
        case .noDirectory(let path): self = .noDirectory(path)
        case .kafkaDirectory(let path): self = .kafkaDirectory(path)
        case .foreignDirectory(let path): self = .foreignDirectory(path)
        case .otherFormat(let text): self = .otherFormat(text)
        }
    }
}

/// Runs a call of the storage; its errors become the broker's.
func storing<Result>(
    _ subject: @autoclosure () -> String,
    _ body: () throws(LogStorageError) -> Result
) throws(BrokerError) -> Result {
    do throws(LogStorageError) { return try body() } catch {
        throw BrokerError(error, in: subject())
    }
}
