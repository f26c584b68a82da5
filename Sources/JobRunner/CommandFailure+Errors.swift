import Broker
import LogClient
import LogModel
import StreamsRuntime
package import Terminal

extension CommandFailure {
    /// Words for the errors of the log and of the engine.
    package static let explaining: @Sendable (any Error) -> CommandFailure = { error in
        switch error {
        case let error as StreamsError: CommandFailure("the job stopped", reason: error.message)
        case let error as BrokerError: CommandFailure("the log refused", reason: "\(error)")
        case let error as LogClientError: CommandFailure("the log refused", error)
        default: CommandFailure("\(error)")
        }
    }

    /// What the log's client met.
    init(_ what: String, _ error: LogClientError) {
        switch error {
        case .retriable, .abortable, .producerInvalid, .fenced, .topicExists, .invalid, .fatal:
            self.init(what, reason: error.description)
        case .offsetOutOfRange(let partition, let requested, let bounds):
            self.init(
                what,
                place: "\(partition)",
                reason: "offset \(requested.rawValue) was asked for, there are "
                    + "\(bounds.logStart.rawValue) to \(bounds.highWatermark.rawValue)"
            )
        case .unknownTopicOrPartition(let partition):
            self.init(what, place: "\(partition)", reason: "there is no such partition")
        case .corrupt(let text):
            self.init(what, reason: text, next: "millrace log verify")
        case .full(let text):
            self.init(what, reason: text, next: "free some space; nothing needs a restart")
        }
    }
}
