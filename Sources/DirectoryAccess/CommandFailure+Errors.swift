import Broker
import LogClient
import LogModel
import StreamsRuntime
package import Terminal

extension CommandFailure {
    /// Words for errors that met no data directory, or none that is known.
    package static let explaining: @Sendable (any Error) -> CommandFailure = {
        CommandFailure(explaining: $0, data: nil)
    }

    /// Words for the errors of the log and of the engine; what is one of ours stays. `data` is the
    /// directory that the next step is for.
    package init(explaining error: any Error, data: String?) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as StreamsError:
            self.init("the job stopped", data: data, error)
        case let error as BrokerError: self.init("the log refused", reason: "\(error)")
        case let error as LogClientError: self.init("the log refused", data: data, error)
        default: self.init("\(error)")
        }
        next = next ?? Self.nextWithoutDescriptors(reason)
    }

    /// What stopped a job. Of damage, and of a disk without room, something helps.
    private init(_ what: String, data: String?, _ error: StreamsError) {
        switch error.cause {
        case .corrupt(let text)?: self.init(what, data: data, .corrupt(text))
        case .full(let text)?: self.init(what, data: data, .full(text))
        case .unknownTopicOrPartition(let partition)?:
            self.init(what, data: data, .unknownTopicOrPartition(partition))
        case nil, .retriable, .abortable, .producerInvalid, .fenced, .offsetOutOfRange,
            .topicReplaced, .topicExists, .invalid, .fatal:
            self.init(what, reason: error.message)
        }
    }

    /// What the log's client met.
    private init(_ what: String, data: String?, _ error: LogClientError) {
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
            self.init(
                what,
                place: data.map { "\(partition) in \($0)" } ?? "\(partition)",
                reason: "there is no such partition: its topic was deleted, or never had it",
                next: data.map {
                    "make the topic again, and start the job behind that: "
                        + nextCommand(
                            "topic create \(argument: partition.topic) --partitions N",
                            data: $0
                        )
                }
            )
        case .topicReplaced(let partition):
            self.init(
                what,
                place: "\(partition)",
                reason: "the topic was deleted, and made anew under the same name"
            )
        case .corrupt(let text):
            self.init(
                what,
                place: data,
                reason: text,
                next: data.map { nextCommand("log verify", data: $0) }
            )
        case .full(let text):
            self.init(what, place: data, reason: text, next: Self.freeSpace(for: data, text))
        }
    }
}
