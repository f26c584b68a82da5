package import LogStorage

/// Why a directory cannot be read as one of Kafka's.
package enum KafkaDirectoryError: Error, Equatable, Sendable {
    /// A broker of Kafka's holds its lock.
    case brokerIsRunning(processID: Int32?)
    /// It is something else; the text says what.
    case notKafka(String)
    /// A file that must make sense makes none; the text says which.
    case unreadable(String)
    case disk(DiskError)
}

extension KafkaDirectoryError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .brokerIsRunning(let processID):
            "a Kafka broker is running on it" + (processID.map { " (process \($0))" } ?? "")
        case .notKafka(let text), .unreadable(let text): text
        case .disk(let error): error.words
        }
    }
}

extension DiskError {
    /// What happened, for people.
    package var words: String {
        switch self {
        case .notFound(let path): "\(path) is not there"
        case .exists(let path): "\(path) is there already"
        case .full: description
        case .locked(let path, let owner): "\(path) is locked by \(owner)"
        case .removed: description
        case .failed(let operation, let path, _, let message): "\(operation) \(path): \(message)"
        }
    }
}

/// Runs file operations, turning their errors into this module's.
func onDisk<Result>(
    _ body: () throws(DiskError) -> Result
) throws(KafkaDirectoryError) -> Result {
    do throws(DiskError) { return try body() } catch { throw .disk(error) }
}
