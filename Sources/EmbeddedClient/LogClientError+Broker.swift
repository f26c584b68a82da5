import Broker
import Coordination
import LogClient
import LogModel

extension LogClientError {
    /// What a failure of the broker means to the engine; `subject` is what the call was about.
    init(_ error: BrokerError, about subject: some CustomStringConvertible) {
        switch error {
        case .directoryInUse, .noDirectory, .kafkaDirectory, .foreignDirectory, .otherFormat,
            .closed,
            .disk, .readOnly, .offline:
            self = .fatal("\(error)")
        case .full, .undecided: self = .full("\(error)")
        case .corrupt: self = .corrupt("\(error)")
        case .tooLong: self = .invalid("\(error)")
        case .offsetOutOfRange, .bufferTooSmall: self = .invalid("\(subject): \(error)")
        case .refused(let code, let message):
            self = Self(code, message: message, about: subject)
        }
    }

    private init(
        _ code: KafkaErrorCode,
        message: String,
        about subject: some CustomStringConvertible
    ) {
        let text = message.isEmpty ? "\(subject): Kafka's error \(code.rawValue)" : message
        switch code {
        case .topicAlreadyExists:
            self = .topicExists("\(subject)")
        case .unknownTopicOrPartition:
            self =
                (subject as? TopicPartition).map(LogClientError.unknownTopicOrPartition)
                ?? .invalid(text)
        case .corruptMessage:
            self = .corrupt(text)
        case .kafkaStorageError:
            self = .fatal(text)
        case .concurrentTransactions, .coordinatorLoadInProgress, .unstableOffsetCommit:
            self = .retriable(text)
        case .outOfOrderSequenceNumber, .transactionAbortable, .invalidTransactionState:
            self = .abortable(text)
        case .invalidProducerIDMapping, .unknownProducerID:
            self = .producerInvalid(text)
        case .producerFenced, .invalidProducerEpoch:
            self = .fenced(text)
        default:
            self = .invalid(text)
        }
    }
}

extension MarkerRefusal {
    /// What it is about, for a person.
    var words: String { "\(partition.name) takes no marker: \(failure.reason)" }
}
