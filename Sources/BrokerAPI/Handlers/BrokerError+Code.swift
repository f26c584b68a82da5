import Broker
import LogModel

extension BrokerError {
    /// What Kafka's protocol says of it.
    var code: KafkaErrorCode {
        switch self {
        case .refused(let code, _): code
        case .undecided: .concurrentTransactions
        case .offsetOutOfRange: .offsetOutOfRange
        case .closed: .notLeaderOrFollower
        case .tooLong: .invalidRequest
        case .full, .readOnly, .offline, .corrupt, .bufferTooSmall, .disk, .directoryInUse,
            .noDirectory, .kafkaDirectory, .foreignDirectory, .otherFormat:
            .kafkaStorageError
        }
    }

    /// The same where a coordinator was asked.
    var coordinatorCode: KafkaErrorCode {
        switch self {
        case .refused, .undecided, .tooLong: code
        default: .coordinatorNotAvailable
        }
    }
}
